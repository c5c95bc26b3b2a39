"""Rooms for a class: a challenge, a judge that runs the network itself, a board, and polls.

    nicknames    the rules for students' nicknames
    challenges   the task of a room, and the judge of the submitted pictures
    records      a room, a member, a poll, a board, as values
    tables       the tables of the database; `migrations` upgrades an older one
    database     SQLite in a file, or PostgreSQL
    store        every change of a room, as one transaction

The database keeps no personal data: no name but the nickname chosen for the room, no address, and only the pixels of an
uploaded file. All of it is deleted with the room, a day after it was opened.
"""


class Refused(ValueError):
    """A request that is refused. The message is a sentence for the person who made it."""
