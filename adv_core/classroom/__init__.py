"""A class in one room: a challenge, a judge that asks the network itself, a board, and polls.

    nicknames    what one may be called
    challenges   what is to be done, and the judge of what is handed in
    tables       what is kept, and `migrations`, how that came about
    store        rooms in a database: SQLite, or PostgreSQL

Nothing personal is kept: no name but the nickname that somebody made up for this room, no address, no file as it was
uploaded, only its pixels; and all of it goes with the room, a day after it was opened.
"""


class Refused(ValueError):
    """What somebody asked for cannot be. The message is a sentence for that person."""
