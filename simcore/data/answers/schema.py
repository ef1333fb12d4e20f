"""What people said, as tables. A change here needs a step in `migrations/versions`.

Times are seconds since 1970, UTC. Images are named by id (shown) and content key (what is meant).
"""

from typing import Any, ClassVar

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """All tables."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {dict[str, Any]: JSON, list[list[str]]: JSON}


class Experiment(Base):
    """A forced-choice experiment: one query, several choices, one of them its mate.

    Attributes:
        name: what it is called in addresses and on the command line.
        collection: where its pictures come from.
        choices: how many pictures stand below a query, 2 to 9.
        seed: of the drawing and of the order in which each participant sees things.
        consent: what a participant agrees to; "" = nothing is asked.
        plan: how it was built, for the record: {"conditions": [...], "source": ...}.
        created: when.
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


class Question(Base):
    """One query and its choices, in the order of the build; a participant sees them shuffled.

    Attributes:
        number: 1-based, in the order of the build.
        condition: where the distractors come from ("random", "mobilenetv2").
        catch: a question that has an obvious answer, to see who pays attention.
        query, query_key: the picture that is asked about.
        options: [[id, key], ...], the mate among them if there is one.
        mate: index of the mate in `options`; -1 where no mate is known.
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
    """Somebody who takes part; known by a number, and to themselves by a code that resumes.

    Attributes:
        number: 1-based within the experiment; seeds what this person sees in which order.
        code: secret, part of the address that goes on where one stopped.
        joined: when; with a consent text, also when it was agreed to.
    """

    __tablename__ = "participants"
    __table_args__ = (UniqueConstraint("experiment_id", "number", name="one_person_a_number"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    experiment_id: Mapped[int] = mapped_column(ForeignKey("experiments.id", ondelete="CASCADE"))
    number: Mapped[int]
    code: Mapped[str] = mapped_column(String(32), unique=True)
    joined: Mapped[float]


class Answer(Base):
    """One choice; the first one stands.

    Attributes:
        option: index of what was chosen in the question's options.
        place: 0-based position on the screen of what was chosen.
        seconds: from when all pictures were there until the choice.
        answered: when.
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


class Judgement(Base):
    """One thing that an annotator said of a pair. Nothing is changed or deleted: it is taken back.

    Attributes:
        collection, query_key, mate_key: which pair, by content.
        query, mate: its ids when this was said, to be shown.
        annotator: a name that people give themselves.
        kind: one of `reviews.KINDS`.
        value: the tag, the note, or the content key of an image.
        said: when.
        undone: taken back by its annotator.
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
