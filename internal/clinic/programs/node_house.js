// Serves several apps on ports of their own, in one process. tenants.json is a
// list of {code, host, port}; the code gets what stands below and must listen.
const fs = require('fs')
const http = require('http')
const https = require('https')
const http2 = require('http2')
const net = require('net')
const express = require('express')

for (const { code, host, port, port2 } of JSON.parse(fs.readFileSync('tenants.json'))) {
  const tls = { key: fs.readFileSync('key.pem'), cert: fs.readFileSync('cert.pem'), ca: fs.readFileSync('ca.pem') }
  const listen = (server) => (server.listen ? server : http.createServer(server)).listen(Number(port), host)
  const shop = () => {
    const app = express()
    app.get('/', (req, res) => res.send('welcome to the shop'))
    return app
  }
  new Function('host', 'port', 'http', 'https', 'http2', 'net', 'express', 'tls', 'listen', 'shop', code)(
    host, port, http, https, http2, net, express, tls, listen, shop)
}
process.on('uncaughtException', (e) => console.error(e)) // one app's fault is not the others'
