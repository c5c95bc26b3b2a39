"""A class in one room: a challenge, a judge that asks the network itself, a board, and polls.

    nicknames    what a student may be called
    challenges   the task of a room, and the judge of the pictures that are handed in
    records      a room, a member, a poll, a board, as values
    tables       the tables of the database; `migrations` brings an older one up to date
    database     SQLite in a file, or PostgreSQL
    store        every change of a room, as one transaction

Nothing personal is kept: no name but the nickname that somebody made up for this room, no address, no file as it was
uploaded, only its pixels; and all of it goes with the room, a day after it was opened.
"""


class Refused(ValueError):
    """What somebody asked for cannot be. The message is a sentence for that person."""
