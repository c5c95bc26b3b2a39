"""The table of contents: one line a lesson (file, title, address)."""

# Files are named as seen from the main script.
LAB = "lab/page.py"
# In the order of the lecture: (file, title, the page's name in its address).
LESSONS = (
    ("lessons/small.py", "What is a small perturbation?", "small"),
    ("lessons/up.py", "Which way is up?", "up"),
    ("lessons/linear.py", "The case we can solve", "linear"),
    ("lessons/robust.py", "Train against the worst case", "robust"),
    ("lessons/judge.py", "Is it really robust?", "judge"),
    ("lessons/fooling.py", "Fooling images", "fooling"),
    ("lessons/patches.py", "Glasses and patches", "patches"),
    ("lessons/camera.py", "It survives the camera", "camera"),
    ("lessons/blackbox.py", "Without opening the box", "blackbox"),
    ("lessons/unrestricted.py", "No noise at all", "unrestricted"),
    ("lessons/defences.py", "Defences you might try", "defences"),
    ("lessons/audio.py", "Fool a speech recogniser", "audio"),
)
# Rooms: the host's page, and the students'.
CLASSROOM = (
    ("classroom/host.py", "Open a room", "host"),
    ("classroom/room.py", "Join a room", "room"),
)
