"""Ways to carry the media of a group: page to page, or through Janus."""
