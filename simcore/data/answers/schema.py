"""Tables of people's answers. A change here needs a step in `migrations/versions`.

Times are seconds since 1970, UTC. Images are named by id (shown) and by content key (identity).
"""

from typing import Any, ClassVar

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

MAX_LABEL = 100  # characters of an id that a participant has elsewhere


class Base(DeclarativeBase):
    """All tables."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {dict[str, Any]: JSON, list[list[str]]: JSON}


class Experiment(Base):
    """An experiment: one task, asked about many images.

    Attributes:
        name: used in addresses and on the command line.
        collection: whose images it shows.
        choices: number of answers that a question has: in most tasks the images to choose from.
        seed: of the drawn questions and of each participant's order.
        consent: text that a participant agrees to; "" for none.
        plan: how it was built: {"conditions": [...], "source": ...}.
        created: time.
        task: what is asked, one of `lab.people.tasks.TASKS`.
        exposure: ms that images are shown; 0 = until the answer.
        gap: ms between two images that are shown one after the other.
    """

    __tablename__ = "experiments"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    collection: Mapped[str] = mapped_column(String(64))
    choices: Mapped[int]
    seed: Mapped[int]
    consent: Mapped[str] = mapped_column(Text)
    plan: Mapped[dict[str, Any]]
    created: Mapped[float]
    task: Mapped[str] = mapped_column(String(20), default="mafc", server_default="mafc")
    exposure: Mapped[int] = mapped_column(default=0, server_default="0")
    gap: Mapped[int] = mapped_column(default=0, server_default="0")


class Question(Base):
    """One query and its choices as drawn; participants see both shuffled.

    In an odd-one-out question the query is also the first of the three options. A same-or-different
    question has one option, the image that is compared with the query, and the answers 0 (same)
    and 1 (different).

    Attributes:
        number: 1-based, in the order drawn.
        condition: source of the distractors ("random", "mobilenetv2").
        catch: whether it is a catch trial (the answer is obvious, to check attention).
        query, query_key: the query image.
        options: [[id, key], ...], including the mate if there is one.
        mate: the right answer, in most tasks the index of the mate in `options`; -1 if unknown.
    """

    __tablename__ = "questions"
    __table_args__ = (UniqueConstraint("experiment_id", "number", name="one_question_a_number"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    experiment_id: Mapped[int] = mapped_column(ForeignKey("experiments.id", ondelete="CASCADE"))
    number: Mapped[int]
    condition: Mapped[str] = mapped_column(String(200))
    catch: Mapped[bool]
    query: Mapped[str] = mapped_column(String(500))
    query_key: Mapped[str] = mapped_column(String(64))
    options: Mapped[list[list[str]]]
    mate: Mapped[int]


class Participant(Base):
    """A participant, identified by a number and by a secret code in their address.

    Attributes:
        number: 1-based within the experiment; seeds the order of questions and choices.
        code: secret part of the address with which they resume.
        joined: time; with a consent text, also the time of agreement.
        label: id that the participant has elsewhere, such as on Prolific; "" for none.
    """

    __tablename__ = "participants"
    __table_args__ = (UniqueConstraint("experiment_id", "number", name="one_person_a_number"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    experiment_id: Mapped[int] = mapped_column(ForeignKey("experiments.id", ondelete="CASCADE"))
    number: Mapped[int]
    code: Mapped[str] = mapped_column(String(32), unique=True)
    joined: Mapped[float]
    label: Mapped[str] = mapped_column(String(MAX_LABEL), default="", server_default="")


class Answer(Base):
    """One choice; only the first answer to a question is stored.

    Attributes:
        option: index of the chosen image in the question's options; 0 or 1 for same or different.
        place: its 0-based position on the screen; for same or different, 0 if the query was shown
            first and 1 if it was shown second.
        seconds: from all images being visible to the choice.
        answered: time.
        second: index of the image chosen second; -1 where one image is chosen.
        exposed: ms that images were visible, measured in the browser, the longest if there are
            several; 0 = until the answer.
    """

    __tablename__ = "answers"
    __table_args__ = (
        UniqueConstraint("participant_id", "question_id", name="one_answer_a_question"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    participant_id: Mapped[int] = mapped_column(ForeignKey("participants.id", ondelete="CASCADE"))
    question_id: Mapped[int] = mapped_column(
        ForeignKey("questions.id", ondelete="CASCADE"), index=True
    )
    option: Mapped[int]
    place: Mapped[int]
    seconds: Mapped[float]
    answered: Mapped[float]
    second: Mapped[int] = mapped_column(default=-1, server_default="-1")
    exposed: Mapped[float] = mapped_column(default=0.0, server_default="0")


class Judgement(Base):
    """One review action on a pair. Rows are append-only; an undo sets `undone`.

    Attributes:
        collection, query_key, mate_key: the pair, by content.
        query, mate: its ids at that time, for display.
        annotator: a name of their own choice.
        kind: one of `review_store.KINDS`.
        value: the tag, the note, or the content key of an image.
        said: time.
        undone: whether the annotator undid it.
    """

    __tablename__ = "judgements"
    __table_args__ = (Index("judgements_of_a_pair", "collection", "query_key", "mate_key"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    collection: Mapped[str] = mapped_column(String(64))
    query: Mapped[str] = mapped_column(String(500))
    query_key: Mapped[str] = mapped_column(String(64))
    mate: Mapped[str] = mapped_column(String(500))
    mate_key: Mapped[str] = mapped_column(String(64))
    annotator: Mapped[str] = mapped_column(String(60))
    kind: Mapped[str] = mapped_column(String(20))
    value: Mapped[str] = mapped_column(Text)
    said: Mapped[float]
    undone: Mapped[bool] = mapped_column(default=False)
