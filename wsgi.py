"""The WSGI entry point: `application`, the API server of the cluster in BERTH_HOME, for `gunicorn wsgi:application`.

It starts no controllers; where no store process runs, the first request starts one.
"""

from app import create_app
from cluster.assembly.environment import config_from_environment

application = create_app(config_from_environment())
