package clinic

const fastapi = `from fastapi import FastAPI, Header, Request, Response, Depends
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse
from fastapi.security import HTTPBearer, APIKeyHeader
import asyncio
app = FastAPI()

@app.get("/")
def home():
    return {"shop": "open"}
`

const starletteAlive = `
@app.get("/alive")
def alive():
    return {"status": "up"}
`

var fastapiCases = []Case{
	{
		Name: "starlette-trusted-hosts", Server: "asgi", Path: "/alive", Want: "fail host_not_allowed",
		Config: fastapi + starletteAlive + `
from starlette.middleware.trustedhost import TrustedHostMiddleware
app.add_middleware(TrustedHostMiddleware, allowed_hosts=["shop.example"])
`,
		Mended: fastapi + starletteAlive,
		Trials: []string{"=> 400 body~Invalid%20host", "host={site} => 200", "host=localhost => 400", "path=/nothing => 400", "xfp=https => 400"},
	}, {
		Name: "starlette-https-not-trusted", Server: "asgi", Path: "/alive", Want: "fail https_redirect_xfp_ignored",
		Config: fastapi + starletteAlive + `
from starlette.middleware.httpsredirect import HTTPSRedirectMiddleware
app.add_middleware(HTTPSRedirectMiddleware)
options = {"proxy_headers": False}
`,
		Mended: fastapi + starletteAlive,
		Trials: []string{"=> 307 location=https://10.20.30.40:{port}/alive", "xfp=https => 307", "host={site} xfp=https => 307", "path=/nothing => 307"},
	}, {
		Name: "fastapi-host-and-https", Server: "asgi", Path: "/alive", Want: "fail host_not_allowed + https_redirect",
		Config: fastapi + starletteAlive + `
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.middleware.httpsredirect import HTTPSRedirectMiddleware
app.add_middleware(HTTPSRedirectMiddleware)
app.add_middleware(TrustedHostMiddleware, allowed_hosts=["shop.example"])
options = {"proxy_headers": True, "forwarded_allow_ips": "*"}
`,
		Mended: fastapi + starletteAlive,
		Trials: []string{"=> 400", "host={site} => 307 location=https://shop.example/alive", "xfp=https => 400", "host={site} xfp=https => 200"},
	}, {
		Name: "fastapi-no-head", Server: "asgi", As: "generic", Method: "HEAD", Path: "/alive", Want: "fail method_not_allowed",
		Config: fastapi + starletteAlive,
		Mended: fastapi + `
@app.api_route("/alive", methods=["GET", "HEAD"])
def alive():
    return {"status": "up"}
`,
		Trials: []string{"=> 405", "method=GET => 200", "host={site} => 405", "path=/nothing => 404"},
	}, {
		Name: "fastapi-bearer", Server: "asgi", Path: "/alive", Want: "fail auth_required",
		Config: fastapi + `
@app.middleware("http")
async def token(request: Request, call_next):
    if not request.headers.get("authorization", "").startswith("Bearer "):
        return JSONResponse({"detail": "token missing"}, status_code=401)
    return await call_next(request)
` + starletteAlive,
		Mended: fastapi + starletteAlive,
		Trials: []string{"=> 401 body~token", "header=Authorization:Bearer%20x => 200", "path=/nothing => 401", "host={site} => 401"},
	}, {
		Name: "fastapi-api-key", Server: "asgi", Path: "/alive", Want: "fail auth_required",
		Config: fastapi + `
@app.get("/alive", dependencies=[Depends(APIKeyHeader(name="X-Key"))])
def alive():
    return {"status": "up"}
`,
		Mended: fastapi + starletteAlive,
		Trials: []string{"=> 403 body~Not%20authenticated", "header=X-Key:x => 200", "path=/ => 200", "path=/nothing => 404", "host={site} => 403", "ua=Mozilla/5.0 => 403", "src=127.0.0.9 => 403"},
	}, {
		Name: "fastapi-accepted", Server: "asgi", Path: "/alive", Want: "fail success_code_mismatch",
		Config: fastapi + `
@app.get("/alive", status_code=202)
def alive():
    return {"status": "up"}
`,
		Mended: fastapi + starletteAlive,
		Trials: []string{"=> 202", "path=/ => 200", "path=/nothing => 404"},
	}, {
		Name: "fastapi-validates", Server: "asgi", Path: "/alive", Want: "fail needs_forwarded_header",
		Config: fastapi + `
@app.get("/alive")
def alive(x_forwarded_for: str = Header()):
    return {"status": "up"}
`,
		Mended: fastapi + starletteAlive,
		Trials: []string{"=> 422", "header=X-Forwarded-For:192.0.2.7 => 200", "path=/ => 200", "host={site} => 422"},
	}, {
		Name: "fastapi-components-down", Server: "asgi", Path: "/alive", Want: "fail dependency_down",
		Config: fastapi + `
@app.get("/alive")
def alive():
    return JSONResponse({"status": "DOWN", "components": {"db": {"status": "DOWN", "error": "timeout"}, "disk": {"status": "UP"}}}, status_code=503)
`,
		Mended: fastapi + starletteAlive,
		Trials: []string{"=> 503 body~DOWN", "path=/ => 200", "path=/nothing => 404", "host={site} => 503"},
	}, {
		Name: "fastapi-raises", Server: "asgi", Path: "/alive", Want: "fail app_error",
		Config: fastapi + `
@app.get("/alive")
def alive():
    raise RuntimeError("no")
`,
		Mended: fastapi + starletteAlive,
		Trials: []string{"=> 500", "path=/ => 200", "path=/nothing => 404", "host={site} => 500"},
	}, {
		Name: "fastapi-slow", Server: "asgi", Path: "/alive", Timeout: 2e9, Want: "fail slow_response",
		Config: fastapi + `
@app.get("/alive")
async def alive():
    await asyncio.sleep(3)
    return {"status": "up"}
`,
		Mended: fastapi + starletteAlive,
		Trials: []string{"=> silence", "patience=6 => 200", "path=/ => 200", "path=/nothing => 404"},
	}, {
		Name: "fastapi-says-fail-with-200", Server: "asgi", Path: "/alive", Want: "pass error_in_body_ok",
		Config: fastapi + `
@app.get("/alive")
def alive():
    return {"healthy": False, "checks": [{"name": "warehouse", "status": "fail"}]}
@app.get("/orders")
def orders():
    raise RuntimeError("no warehouse")
`,
		Mended: fastapi + `
@app.get("/alive", status_code=503)
def alive():
    return {"healthy": False, "checks": [{"name": "warehouse", "status": "fail"}]}
`, Cure: "503",
		Trials: []string{"=> 200 body~false", "path=/orders => 500", "path=/nothing => 404"},
	}, {
		Name: "starlette-sso", Server: "asgi", Path: "/alive", Want: "fail login_redirect",
		Config: `from starlette.applications import Starlette
from starlette.responses import RedirectResponse
app = Starlette()
@app.middleware("http")
async def sso(request, call_next):
    return RedirectResponse("https://accounts.id.example/oauth2/authorize?client_id=shop&redirect_uri=http%3A%2F%2Fshop.example%2Falive", status_code=302)
`,
		Mended: fastapi + starletteAlive,
		Trials: []string{"=> 302 head~oauth2/authorize", "host={site} => 302", "xfp=https => 302", "path=/nothing => 302"},
	}, {
		Name: "uvicorn-asked-over-tls", Server: "asgi", Scheme: "https", Path: "/alive", Timeout: 2e9, Want: "fail wrong_protocol_plain",
		Config: fastapi + starletteAlive,
		Mended: fastapi + starletteAlive + `
options = {"ssl_keyfile": "key.pem", "ssl_certfile": "cert.pem"}
`,
		Trials: []string{"=> alert", "tls=off => 200"},
	}, {
		Name: "fastapi-healthy", Server: "asgi", Path: "/alive", Want: "pass",
		Config: fastapi + `
@app.get("/alive")
def alive():
    return {"status": "UP", "components": {"db": {"status": "UP"}}, "error": None}
`,
		Trials: []string{"=> 200", "path=/ => 200", "path=/nothing => 404"},
	},
}
