"""Serves several ASGI apps on ports of their own, in one process.

tenants.json is a list of {"code", "host", "port"}; the code makes "app" and may
make "options" of uvicorn.
"""
import asyncio
import json

import uvicorn


class Server(uvicorn.Server):
    def install_signal_handlers(self):
        pass


async def main():
    servers = []
    for tenant in json.load(open("tenants.json")):
        names = {}
        exec(tenant["code"], names)
        config = uvicorn.Config(
            names["app"], host=tenant["host"], port=int(tenant["port"]), log_level="error", access_log=False,
            **names.get("options", {}))
        servers.append(Server(config).serve())
    await asyncio.gather(*servers)


asyncio.run(main())
