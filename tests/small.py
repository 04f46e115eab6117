"""Parameters of a training that takes seconds; shared by several test files."""

SMALL = {
    "phantom_images": 60,
    "image_size": 32,
    "epochs": 3,
    "phantom_contrast": 2.0,
    "study": "tests",
}
