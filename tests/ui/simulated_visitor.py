"""A visitor without a browser: Streamlit's WebSocket messages, as its page would send them."""

import asyncio
import json
from contextlib import asynccontextmanager
from urllib.parse import urlencode

from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import connect

CHOICE = "simcore_choice"  # the component of a question


class SimulatedVisitor:
    """One session: it opens a page, and can answer the question that is on it."""

    def __init__(self, socket, page, params):
        self.socket, self.page, self.query = socket, page, urlencode(params)
        self.components = {}  # name -> (id, data) of the last run
        self.texts = []  # what the last run showed as text
        self.errors = []

    async def run(self, component_id="", trigger=None):
        """Run the page's script, after a component sent a trigger if one is given."""
        message = BackMsg()
        message.rerun_script.query_string = self.query
        message.rerun_script.page_name = self.page
        for own_id, _ in self.components.values():  # every component sends its state
            message.rerun_script.widget_states.widgets.add(id=own_id, json_value="{}")
        if component_id:
            state = message.rerun_script.widget_states.widgets.add()
            state.id = f"$$STREAMLIT_INTERNAL_KEY_{component_id}__events"
            state.json_trigger_value = json.dumps([trigger])
        self.components, self.texts = {}, []
        await self.socket.send(message.SerializeToString())
        await self._until_drawn()

    async def _until_drawn(self):
        while True:
            answer = ForwardMsg.FromString(await asyncio.wait_for(self.socket.recv(), 60))
            kind = answer.WhichOneof("type")
            if kind == "delta":
                self._read(answer.delta.new_element)
            elif (
                kind == "script_finished"
                and answer.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN
            ):
                return  # otherwise the page is about to draw more

    def _read(self, element):
        kind = element.WhichOneof("type")
        if kind == "bidi_component":
            component = element.bidi_component
            data = component.json or component.mixed.json or "null"
            self.components[component.component_name] = (component.id, json.loads(data))
        elif kind == "exception":
            self.errors.append(element.exception.message)
        elif kind == "alert" and element.alert.format == Alert.ERROR:
            self.errors.append(element.alert.body)
        elif kind == "markdown":
            self.texts.append(element.markdown.body)

    @property
    def question(self):
        """The number of the question on the page; None if there is none."""
        return self.components[CHOICE][1]["number"] if CHOICE in self.components else None

    async def answer(self, place=0):
        """Choose an image of the question on the page."""
        component_id, data = self.components[CHOICE]
        value = {"number": data["number"], "place": place, "seconds": 1.0}
        await self.run(component_id, {"event": "chosen", "value": value})


@asynccontextmanager
async def visiting(address, page="", **params):
    """A visitor who has opened a page of the app at an address."""
    url = address.replace("http://", "ws://") + "/_stcore/stream"
    async with connect(
        url,
        origin=address,
        subprotocols=["streamlit"],
        max_size=None,
        open_timeout=60,
        proxy=None,
    ) as socket:
        visitor = SimulatedVisitor(socket, page, params)
        await visitor.run()
        yield visitor
