"""The address at which phones reach this server, as text and as a QR code."""

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

import segno
import streamlit as st

from simcore.lab.people import duels

# Reserved for documentation (RFC 5737). A UDP socket that is connected to it sends nothing: the
# system only looks up which of its own addresses leads out.
ELSEWHERE = ("192.0.2.1", 9)


@dataclass(frozen=True)
class JoinAddress:
    """Where players join.

    Attributes:
        url: with everything in it, for the QR code.
        short: what a person types, without http://.
        reachable: whether other computers can call it; False for this computer's own name where
            the server listens to this computer only.
    """

    url: str
    short: str
    reachable: bool = True


def join_address(duel: str) -> JoinAddress:
    """The address of a duel for phones.

    It is the one by which the browser of this page calls the server; where that is a name of this
    computer for itself, such as localhost, the address of this computer in its network instead.
    """
    return make(
        duel,
        page_url=st.context.url or "",
        listens_on=str(st.get_option("server.address") or ""),
    )


def make(duel: str, *, page_url: str, listens_on: str) -> JoinAddress:
    """As `join_address`.

    Args:
        page_url: address of the page that asks.
        listens_on: address that the server listens on; "" and 0.0.0.0 are all of this computer's.
    """
    parts = urlsplit(page_url)
    host = parts.hostname or "localhost"
    reachable = not (is_own(host) and is_own(listens_on))
    if is_own(host) and reachable:
        everywhere = listens_on in {"", "0.0.0.0", "::"}
        host = own_address() if everywhere else listens_on
    port = f":{parts.port}" if parts.port else ""
    netloc = f"[{host}]{port}" if ":" in host else f"{host}{port}"
    path = f"{netloc}{parts.path.rstrip('/').removesuffix(f'/{duels.PAGE}')}/{duels.PAGE}"
    query = urlencode({"experiment": duel, "participant": "new"})
    return JoinAddress(f"{parts.scheme or 'http'}://{path}?{query}", path, reachable)


def is_own(host: str) -> bool:
    """Whether a host is how a computer calls itself.

    >>> is_own("localhost"), is_own("127.0.0.1"), is_own("::1"), is_own("192.168.1.5"), is_own("")
    (True, True, True, False, False)
    """
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def own_address() -> str:
    """This computer's address in its network, or its name where it has no way out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(ELSEWHERE)
            return str(probe.getsockname()[0])
        except OSError:  # a network of its own, without a router
            return f"{socket.gethostname().partition('.')[0].lower()}.local"


def qr_code(address: str) -> str:
    """The QR code of an address as the `src` of an image, dark on white in any theme."""
    code = segno.make(address, error="m", micro=False)
    return str(code.svg_data_uri(border=4, dark="#000", light="#fff", omitsize=True))
