"""What gunicorn reads when it is run by hand in this folder, so that `gunicorn wsgi:application` serves as `berth start` does."""

from cluster.assembly.gunicorn_conf import *  # noqa: F403 - a settings file
