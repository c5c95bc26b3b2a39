"""The table of contents: one line a lesson (file, title, address)."""

# Paths of files are relative to the main script.
LAB = "lab/page.py"
# In the order of the lecture: (file, title, the page's name in its address).
LESSONS = (
    ("lessons/threat_models/page.py", "What is a small perturbation?", "threat-models"),
    ("lessons/fgsm_and_pgd/page.py", "Which way is up?", "fgsm-and-pgd"),
    ("lessons/linear_models/page.py", "The case we can solve", "linear-models"),
    ("lessons/adversarial_training/page.py", "Train against the worst case", "adversarial-training"),
    ("lessons/evaluation/page.py", "Is it really robust?", "evaluation"),
    ("lessons/fooling_images/page.py", "Fooling images", "fooling-images"),
    ("lessons/patches/page.py", "Glasses and patches", "patches"),
    ("lessons/physical/page.py", "It survives the camera", "physical"),
    ("lessons/black_box/page.py", "Without opening the box", "black-box"),
    ("lessons/unrestricted/page.py", "No noise at all", "unrestricted"),
    ("lessons/defences/page.py", "Defences you might try", "defences"),
    ("lessons/speech/page.py", "Fool a speech recogniser", "speech"),
)
# Rooms: the host's page, and the students'.
CLASSROOM = (
    ("classroom/host.py", "Open a room", "host"),
    ("classroom/room.py", "Join a room", "room"),
)
