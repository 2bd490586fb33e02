"""What a clip shows, in numbers and as a picture: camera, objects, flicker, loops. No network and no weights."""
