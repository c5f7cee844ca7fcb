"""Serves several WSGI apps on ports of their own, in one process.

tenants.json is a list of {"code", "host", "port", "threads"}; the code makes "app".
"""
import json
import logging
import threading

import waitress.server

logging.getLogger("waitress").setLevel(logging.CRITICAL)
for tenant in json.load(open("tenants.json")):
    names = {}
    exec(tenant["code"], names)
    server = waitress.server.create_server(
        names["app"], host=tenant["host"], port=int(tenant["port"]), threads=names.get("threads", 4))
    threading.Thread(target=server.run).start()
