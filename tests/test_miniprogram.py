"""Tests of the client `miniprogram/myapi` on a simulated `wx`, and of its contract with the server.

The tests of the client are in tests/miniprogram, for `node --test`. This file runs them and starts
the servers that they call.
"""

import gzip
import json
import os
import re
import shutil
import subprocess
import tarfile
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import doctor
from deploy.lib import nginx
from myapi import create_app
from myapi.settings import ROOT, Settings
from myapi.web import field_texts
from myapi.web.errors import REGISTRY
from myapi.web.openapi.description import describe
from tests.certificates import Authority
from tests.doctor.wordings import PHONE, as_text
from tests.requirements import need
from tests.servers import HOST, Nginx, free_port
from tests.service import KEY, PRODUCTION, Service

CLIENT = ROOT / "miniprogram" / "myapi"
TOOLS = ROOT / "miniprogram" / "node_modules"
TESTS = ROOT / "tests" / "miniprogram"
DOMAIN = "api.example.com"
PACKAGE = "myapi-miniprogram"
UNLIMITED = dict.fromkeys(
    ("rate_limit_login", "rate_limit_login_failed", "rate_limit_user"), "1000000"
)


class Node:
    """Node.js, which runs the tests of the client without npm packages."""

    @classmethod
    def available(cls):
        found = shutil.which("node")
        done = found and subprocess.run([found, "-v"], capture_output=True, text=True, check=False)
        version = re.match(r"v(\d+)\.", done.stdout) if done else None
        if version and int(version[1]) >= 18:
            return None
        return "node 18 or newer not found: apt install nodejs"


class NodeTools:
    """TypeScript and the official typings, which check the types of the client."""

    @classmethod
    def available(cls):
        if (TOOLS / "typescript").exists() and (TOOLS / "miniprogram-api-typings").exists():
            return Node.available()
        return "TypeScript not found: apt install npm, then make miniprogram-tools"


def node(*arguments, **environ):
    """Run Node and return its output; a failure shows all output."""
    need(Node)
    done = subprocess.run(
        ["node", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def run_tests(name, **environ):
    run_file(TESTS / f"{name}.test.js", **environ)


def run_file(file, **environ):
    output = node("--test", file, **environ)
    assert re.search(r"^(#|ℹ) fail 0$", output, re.MULTILINE), output
    assert re.search(r"^(#|ℹ) skipped 0$", output, re.MULTILINE), output
    assert not re.search(r"^(#|ℹ) pass 0$", output, re.MULTILINE), output


# ---- with simulated time ----


def test_client_unit_tests_pass():
    run_tests("client")


def test_client_aborts_transfers_hooks_and_keeps_the_order_of_writes():
    run_tests("calls")


def test_client_loses_no_permission_of_a_message():
    run_tests("messages")


def test_client_fuzz_tests_pass():
    run_tests("fuzz")


def test_client_handles_broken_connections_and_responses():
    run_tests("broken")


def test_client_uploads_pictures_over_http():
    run_tests("upload")


# ---- against the real service ----


def test_client_works_with_the_real_service(serve, wechat, tmp_path):
    need(Node)
    service = serve(workers=2, **UNLIMITED)
    with operator(Operator(service, wechat.sandbox, tmp_path)) as url:
        run_tests("service", MYAPI_TEST_URL=service.url, MYAPI_TEST_OPERATOR=url)


def test_client_works_through_nginx_with_a_private_ca(migrated_sqlite, wechat, tmp_path):
    need(Node, Nginx)
    authority = Authority(tmp_path)
    database = shutil.copy(migrated_sqlite, tmp_path / "served.db")
    settings = {"database_url": f"sqlite:///{database}", **PRODUCTION, **UNLIMITED}
    with (
        SocketService(tmp_path / "http.sock", wechat.url, **settings),
        Front(tmp_path / "http.sock", authority.pair(DOMAIN)) as front,
    ):
        run_tests(
            "nginx",
            MYAPI_TEST_TLS_URL=f"https://{DOMAIN}:{front.tls_port}",
            MYAPI_TEST_AUTHORITY=str(authority.file),
        )


class Operator:
    """Changes the server during a test. Each public method can be called through `operator`."""

    def __init__(self, service, sandbox, folder):
        self._service = service
        self._sandbox = sandbox
        self._settings = Settings(
            secret_keys=(KEY,),
            database_url=service.settings["database_url"],
            instance_path=folder,
        )
        self._runner = create_app(self._settings).test_cli_runner()
        self.start, self.stop = service.start, service.stop
        self.freeze, self.thaw = service.freeze, service.thaw

    def restart(self):
        self._service.stop()
        self._service.start()

    def ban(self, person):
        self._flask("users", "ban", self._openid(person))

    def erase(self, person):
        self._flask("users", "erase", self._openid(person), "--yes")

    def users(self, person):
        openid = self._openid(person)
        items = json.loads(self._flask("users", "list", "--limit", "10000", "--json"))["items"]
        return [item for item in items if item["openid"] == openid]

    def sessions(self, person):
        live = ("sessions", "list", "--live", "--json", "--user", self._openid(person))
        return json.loads(self._flask(*live))["items"]

    def fault(self, kind, times):
        self._sandbox.set_fault(kind, times)

    def encrypt(self, person, data):
        return self._sandbox.encrypt(person, data)

    def _openid(self, person):
        return self._sandbox.openid(person, self._settings.appid)

    def _flask(self, *arguments):
        result = self._runner.invoke(args=arguments)
        assert result.exit_code == 0, result.output
        return result.stdout


@contextmanager
def operator(operator):
    """Serve an operator over HTTP: POST ["method", arguments…] returns the method's result."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            method, *arguments = json.loads(body)
            try:
                status, result = 200, getattr(operator, method)(*arguments)
            except Exception as error:
                status, result = 500, repr(error)
            text = json.dumps(result).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_arguments):
            pass

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://{HOST}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class SocketService(Service):
    """The service on a Unix socket."""

    def __init__(self, path, wechat_base_url, **settings):
        super().__init__(bind=f"unix:{path}", wechat_base_url=wechat_base_url, **settings)
        self._path = path

    def ready(self):
        return self._path.exists() and len(self.workers()) == self.settings["workers"]


class Front(Nginx):
    """Nginx with the deployment's configuration, without limits: all tests share one address."""

    def __init__(self, path, pair):
        super().__init__("")
        self.tls_port = free_port()
        self._path = path
        self._pair = pair

    def prepare(self):
        version = subprocess.run(
            ["nginx", "-v"], capture_output=True, text=True, check=True, env=PATH
        ).stderr
        site = nginx.Site(
            domain=DOMAIN,
            version=nginx.version(version),
            certificate=str(self._pair.chain),
            key=str(self._pair.key),
            placeholder_certificate=str(self._pair.chain),
            socket=str(self._path),
            webroot=f"{self.folder}/webroot",
            access_log=f"{self.folder}/access.log",
            error_log=f"{self.folder}/error.log",
            http=(f"{HOST}:{self.port}",),
            https=(f"{HOST}:{self.tls_port}",),
            burst=9999,
        )
        self._config = nginx.render(site)
        super().prepare()


PATH = {"PATH": "/usr/sbin:/usr/bin:/usr/local/sbin:/sbin:/bin"}


# ---- the contract ----


@pytest.fixture(scope="module")
def client():
    """The client's routes and errors, as JSON."""
    return json.loads(node(TESTS / "contract.js"))


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    """The server's OpenAPI description."""
    folder = tmp_path_factory.mktemp("described")
    return describe(create_app(Settings(secret_keys=(KEY,), instance_path=folder)))


def test_client_knows_every_server_error_by_its_name_and_numbers(client):
    known = {
        name: (kind["status"], kind["code"])
        for name, kind in client["errors"].items()
        if kind["status"]
    }
    assert known.pop("https_required") == (403, 40303)  # of Nginx
    assert known == {
        name: (kind.status, kind.code)
        for name, kind in REGISTRY.items()
        if name != "push_refused"  # only WeChat gets it
    }


def test_client_knows_every_rule_of_a_field_verbatim(client):
    def written(text):
        signs = {"{field}": "@", "{limit}": "#", "{did_you_mean}": "$"}
        return [re.sub(r"\{\w+\}", lambda found: signs[found[0]], part) for part in text]

    assert client["fields"] == {
        "rules": {name: written(text) for name, text in field_texts.RULES.items()},
        "types": {name: written(text) for name, text in field_texts.TYPES.items()},
        "did_you_mean": written(field_texts.DID_YOU_MEAN),
    }


def test_client_errors_have_unique_codes_and_both_languages(client):
    own = {name: kind for name, kind in client["errors"].items() if not kind["status"]}
    assert not own.keys() & REGISTRY.keys()
    assert sorted(kind["code"] for kind in own.values()) == list(range(1, len(own) + 1))
    for kind in client["errors"].values():
        assert re.fullmatch(r"[A-Z][ -~]*[a-z]{2,}[ -~]*\.", kind["en"]), kind
        assert re.search(r"[\u4e00-\u9fff]{2,}.*。$", kind["zh"]), kind


def test_every_client_call_is_in_the_openapi_description(client, api):
    for call in client["calls"].values():
        operation = api["paths"][call["path"]][call["method"].lower()]
        assert bool(operation.get("security")) == call["auth"], call
        assert set(call["takes"]) == fields(api, body_of(operation)), call
        data = fields(api, data_of(operation))
        assert set(call["gives"]) <= data, call


def test_error_schema_has_the_fields_the_client_reads(api):
    error = api["components"]["schemas"]["Error"]
    assert fields(api, error) == {"code", "error", "msg", "request_id", "fields"}
    item = error["properties"]["fields"]["items"]
    assert fields(api, item) == {"field", "rule", "limit", "did_you_mean", "msg"}
    assert api["x-myapi-errors"].keys() == REGISTRY.keys()


def test_client_paths_are_only_in_calls_js():
    for file in CLIENT.glob("*.js"):
        if file.name != "calls.js":
            code = re.sub(r"/\*.*?\*/", "", file.read_text("utf-8"), flags=re.DOTALL)
            assert not re.search(r"['`]/api", code), file.name


def test_client_symptoms_match_the_doctor(client):
    for name, symptom in client["symptoms"].items():
        text = doctor.SYMPTOMS[name].text
        assert (symptom["en"], symptom["zh"]) == (text.en, text.zh), name


#: What the doctor finds in the symptom of an answer; of the others there is none.
ANSWERED = {
    "decrypt_failed": "clock",
    "not_found": "not_found",
    "payload_too_large": "too_large",
    "internal_error": "failing",
    "wechat_misconfigured": "login",
    "wechat_unavailable": "login_slow",
    "wechat_timeout": "login_slow",
    "service_unavailable": "failing",
    "bad_answer 404": "not_found",
    "bad_answer 413": "too_large",
    "bad_answer 500": "failing",
    "bad_answer 502": "gateway",
    "bad_answer 503": "gateway",
    "bad_answer 504": "gateway",
}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_client_symptoms_of_answers_lead_the_doctor_to_the_cause(client, language):
    found = {
        name: doctor.explain(symptom[language], []).symptom
        for name, symptom in client["answers"].items()
        if symptom
    }
    assert found == ANSWERED


def test_client_errnos_match_the_doctor(client):
    """In both directions: the client also knows every errno that the doctor names."""
    named = {
        number
        for symptom in doctor.SYMPTOMS.values()
        for number in re.findall(r"\b60\d{4}\b|(?<=errno )\d+\b", symptom.text.en)
    }
    button = {errno: known for errno, known in client["button_errnos"].items() if known["symptom"]}
    assert named == client["errnos"].keys() | button.keys()
    for errno, known in [*client["errnos"].items(), *button.items()]:
        assert text_of(f"errno {errno}") == known["symptom"], errno


def test_doctor_explains_every_error_of_the_client_by_its_name(client):
    unknown = [name for name in client["errors"] if not doctor.explain(name, []).symptom]
    assert unknown == []


def test_client_numbers_in_errno_600001_match_the_doctor(client):
    for number, known in client["inside"].items():
        assert text_of(f"errno 600001 errcode:{number}") == known["symptom"], number


def test_client_reads_what_a_phone_says_as_the_doctor_does():
    given = json.dumps([[errno, message] for errno, message, _ in PHONE])
    read = json.loads(node(TESTS / "contract.js", MYAPI_TEST_WORDINGS=given))["wordings"]
    for (errno, message, symptom), name in zip(PHONE, read, strict=True):
        assert (name, message) == (symptom, message)
        assert doctor.explain(as_text(errno, message), []).symptom == symptom


def text_of(wording):
    found = doctor.SYMPTOMS[doctor.explain(wording, []).symptom]
    return {"en": found.text.en, "zh": found.text.zh}


def body_of(operation):
    """Return the schema of a body: of JSON, or of a form with a file."""
    if "requestBody" not in operation:
        return {}
    (content,) = operation["requestBody"]["content"].values()
    return content["schema"]


def data_of(operation):
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    return schema["properties"]["data"]


def fields(api, schema):
    """Return the names of the fields of a schema."""
    if "$ref" in schema:
        schema = api["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return set(schema.get("properties", {}))


# ---- the module ----


def test_client_types_are_checked(tmp_path):
    need(NodeTools)
    tsc = [TOOLS / "typescript" / "bin" / "tsc", "--project"]
    node(*tsc, ROOT / "miniprogram" / "tsconfig.json")
    wrong = tmp_path / "wrong.js"
    wrong.write_text(
        f"const {{ createClient }} = require({json.dumps(str(CLIENT / 'index.js'))})\n"
        "createClient({ baseUrl: 7 }).me().then(me => me.openid)\n"
    )
    config = json.loads((ROOT / "miniprogram" / "tsconfig.json").read_text())
    config["include"] = [str(wrong)]
    config["compilerOptions"]["typeRoots"] = [str(TOOLS)]
    (tmp_path / "tsconfig.json").write_text(json.dumps(config))
    with pytest.raises(AssertionError, match=r"(?s)TS2322.*TS2339"):
        node(*tsc, tmp_path / "tsconfig.json")


def test_declared_types_are_those_of_the_code_and_refuse_what_is_wrong():
    need(NodeTools)
    node(TOOLS / "typescript" / "bin" / "tsc", "--project", TESTS / "types")


def test_declared_error_names_are_those_of_the_code(client):
    text = (CLIENT / "index.d.ts").read_text("utf-8")
    declared = re.search(r"ErrorName =\n(.*?)\n\n", text, re.DOTALL)[1]
    assert re.findall(r"'(\w+)'", declared) == list(client["errors"])


def test_types_of_routes_are_written_from_the_description_of_the_server(api, tmp_path):
    """They compile together with the calls of the client, and refuse what is wrong."""
    need(NodeTools)
    run_tests("types")
    described = tmp_path / "openapi.json"
    described.write_text(json.dumps(api), "utf-8")
    written = node(ROOT / "miniprogram" / "types.js", described)
    (tmp_path / "api.d.ts").write_text(written, "utf-8")
    (tmp_path / "app.ts").write_text(
        f"""
        import {{ createClient, type Call, type User }} from {json.dumps(str(CLIENT / "index"))}
        import type {{ UserOut }} from './api'
        const api = createClient({{ baseUrl: 'https://api.example.com' }})
        const me: Call<UserOut> = api.get('/api/me')
        const user: Promise<User> = me
        const changed: Call<UserOut> = api.put('/api/me', {{ nickname: null }})
        const ended: Call<null> = api.delete(`/api/auth/sessions/${{'s'}}`)
        api.get('/api/hello').then(hello => hello.time.length)
        api.upload('/api/me/avatar', 'wxfile://1').then(({{ avatar_url }}) => avatar_url)
        // @ts-expect-error
        api.put('/api/me', {{ nickname: 7 }})
        // @ts-expect-error
        api.get('/api/me').then(({{ openid }}) => openid)
        """,
        "utf-8",
    )
    config = json.loads((TESTS / "types" / "tsconfig.json").read_text())
    config["include"] = ["*.ts"]
    config["compilerOptions"]["typeRoots"] = [str(TOOLS)]
    (tmp_path / "tsconfig.json").write_text(json.dumps(config))
    node(TOOLS / "typescript" / "bin" / "tsc", "--project", tmp_path)


def test_client_uses_only_es2018_syntax():
    """Nothing newer than ES2018: compiling to ES2018 or to ESNext gives the same code."""
    need(NodeTools)
    node(
        "-e",
        """
        const fs = require('fs')
        const ts = require(process.argv[1])
        const compiled = (source, target) =>
          ts.transpileModule(source, { compilerOptions: { target, module: 'CommonJS' } }).outputText
        const differs = source => compiled(source, 'ES2018') !== compiled(source, 'ESNext')
        if (!differs('a?.b ?? c')) throw new Error('the comparison finds no difference')
        for (const file of process.argv.slice(2)) {
          if (differs(fs.readFileSync(file, 'utf8'))) throw new Error(file)
        }
        """,
        TOOLS / "typescript",
        *CLIENT.glob("*.js"),
    )


def test_client_uses_only_apis_of_the_phone():
    for file in CLIENT.glob("*.js"):
        code = re.sub(r"/\*.*?\*/", "", file.read_text("utf-8"), flags=re.DOTALL)
        required = re.findall(r"require\('([^']*)'\)", code)
        code = re.sub(r"'(?:\\.|[^'\\\n])*'|//.*", "", code)  # strings and comments
        assert not re.search(
            r"\b(AbortController|URL|TextDecoder|fetch|process|window|document|Buffer|globalThis"
            r"|queueMicrotask|structuredClone)\b(?!['_])",
            code,
        ), file.name
        for name in required:
            assert re.fullmatch(r"\./\w+", name)
            assert (CLIENT / f"{name}.js").exists()


def test_client_folder_has_only_js_files_and_one_of_types():
    assert {file.suffix for file in CLIENT.iterdir()} == {".js", ".ts"}
    assert [file.name for file in CLIENT.glob("*.ts")] == ["index.d.ts"]


class NpmTools:
    """The bundler that makes the npm package."""

    @classmethod
    def available(cls):
        if not (TOOLS / "esbuild").exists() or not shutil.which("npm"):
            return "esbuild not found: apt install npm, then make miniprogram-tools"
        return Node.available()


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """The npm package, as it is unpacked into node_modules."""
    need(NpmTools)
    folder = tmp_path_factory.mktemp("package")
    node(ROOT / "miniprogram" / "pack.js", folder)
    (archive,) = folder.glob("*.tgz")
    with tarfile.open(archive) as tar:
        tar.extractall(folder / "node_modules", filter="data")
    return (folder / "node_modules" / "package").rename(folder / "node_modules" / PACKAGE)


def test_npm_package_has_what_the_developer_tools_and_bundlers_take(package):
    told = json.loads((package / "package.json").read_text("utf-8"))
    assert told["name"] == PACKAGE
    assert {path.name for path in (package / told["miniprogram"]).iterdir()} == {
        *("index.js", "index.mjs", "index.d.ts"),
    }
    for field in ("main", "module", "types"):
        assert (package / told[field]).is_file()
    assert (package / told["types"]).read_bytes() == (CLIENT / "index.d.ts").read_bytes()
    assert "dependencies" not in told
    user = package.parent.parent / "app.mjs"
    user.write_text(
        f"""
        import {{ ApiError, ERRORS, createClient }} from '{PACKAGE}/miniprogram_dist/index.mjs'
        import whole from '{PACKAGE}'
        for (const it of [{{ ApiError, ERRORS, createClient }}, whole]) {{
          const made = it.createClient({{ baseUrl: 'https://api.example.com', platform: {{}} }})
          console.log(typeof made.get, new it.ApiError('network').zh === it.ERRORS.network.zh)
        }}
        """
    )
    assert node(user).split() == ["function", "true"] * 2
    assert (package / told["bin"]["myapi-types"]).is_file()


@pytest.mark.parametrize("name", ["client", "calls"])
def test_minified_client_passes_the_tests_of_the_client(package, name):
    run_tests(name, MYAPI_TEST_CLIENT=str(package / "miniprogram_dist" / "index.js"))


def test_minified_client_is_small(package):
    code = (package / "miniprogram_dist" / "index.js").read_bytes()
    assert len(code) <= 30_720
    assert len(gzip.compress(code)) <= 14_000


def test_npm_tools_are_pinned_and_name_no_registry():
    folder = ROOT / "miniprogram"
    package = json.loads((folder / "package.json").read_text())
    assert "dependencies" not in package
    assert all(re.fullmatch(r"[\d.]+", version) for version in package["devDependencies"].values())
    for file in ("package.json", ".npmrc"):
        assert not re.search(r"https?:|registry\.", (folder / file).read_text())
    lock = json.loads((folder / "package-lock.json").read_text())
    for tool in lock["packages"].values():
        tool.pop("funding", None)  # npm copies these links and does not use them
        assert not re.search(r"https?:|registry\.", json.dumps(tool))


# ---- documentation ----


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_readme_lists_every_client_error(client, name):
    text = (ROOT / "miniprogram" / name).read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| ([\d, 、]*)\|", text, re.MULTILINE)
    assert {error: int(code) for error, code, _ in rows} == {
        error: kind["code"] for error, kind in client["errors"].items() if not kind["status"]
    }
    named = {errno: error for error, _, cell in rows for errno in re.findall(r"\d+", cell)}
    errnos = {**client["errnos"], **client["button_errnos"], **client["dialog_codes"]}
    of_phone = {errno: known["error"] for errno, known in errnos.items()}
    assert {**of_phone, "600001": "tls"} == {
        **named,
        "600001": "tls",
    }  # 600001 may also be `network`


#: Runs a page of a document on a simulated phone and prints what it shows; `tapped` is the handler
#: and the detail of a button, or empty to open the page alone.
RUN_PAGE = """
const [, folder, settingUp, page, tapped] = process.argv
const { Phone, Server, Time } = require(`${folder}/world`)
const time = new Time(() => 0.5)
const phone = new Phone(time, new Server())
global.wx = phone.wx
global.wx.showToast = ({ title }) => console.log(JSON.stringify({ title }))
global.setTimeout = time.timers.setTimeout
global.clearTimeout = time.timers.clearTimeout
const module1 = {}
const client = require(`${folder}/../../miniprogram/myapi/index`)
const settings = settingUp.replace('http://127.0.0.1:8000', 'https://api.example.com')
new Function('require', 'module', settings)(() => client, module1)
const [handler, detail] = tapped ? JSON.parse(tapped) : ['onLoad']
if (detail && detail.dialog) phone.dialog = () => detail.dialog
const setData = data => console.log(JSON.stringify(data))
const Page = it => it[handler].call({ setData }, { detail })
new Function('require', 'Page', page)(() => module1.exports, Page)
time.run()
"""


def javascript_of(page):
    text = (ROOT / page).read_text("utf-8")
    return re.findall(r"^```js\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_readme_example_shows_the_user(name):
    setting_up, page = javascript_of(name)[:2]
    assert len((setting_up + page).split("\n")) <= 12
    output = node("-e", RUN_PAGE, TESTS, setting_up, page)
    assert json.loads(output)["me"].keys() == {
        "id",
        "nickname",
        "avatar_url",
        "phone",
        "created_at",
    }


@pytest.mark.parametrize(
    ("detail", "shown"),
    [
        ({"code": "c1"}, {"phone": "138******00"}),
        (
            {"errMsg": "getPhoneNumber:fail user deny"},
            {"title": "你没有授权手机号，如需授权请再次点击按钮。"},
        ),
    ],
)
def test_phone_number_guide_shows_the_number_or_why_there_is_none(detail, shown):
    assert run_page("docs/guides/phone-number.md", "onPhone", detail) == shown


@pytest.mark.parametrize("name", ["avatar-and-nickname.md", "avatar-and-nickname.zh-CN.md"])
@pytest.mark.parametrize(
    ("handler", "detail", "shown"),
    [
        ("onLoad", {}, {"avatar": None, "nickname": None}),
        (
            "onAvatar",
            {"avatarUrl": "wxfile://tmp_1.jpg"},
            {"avatar": "https://api.example.com/avatars/mp_1.jpg"},
        ),
        ("onAvatar", {}, {"title": "没有可上传的图片，请重新选择。"}),
        ("onNickname", {"value": "小明"}, {"nickname": "小明"}),
        ("onNickname", {"value": ""}, {"nickname": None}),
    ],
)
def test_avatar_guide_shows_the_picture_and_the_name_or_why_there_is_none(
    name, handler, detail, shown
):
    assert run_page(f"docs/guides/{name}", handler, detail) == shown


@pytest.mark.parametrize("name", ["subscribe-messages.md", "subscribe-messages.zh-CN.md"])
@pytest.mark.parametrize(
    ("dialog", "shown"),
    [
        ({"sandbox-template": "accept"}, {"willNotify": True}),
        ({"sandbox-template": "reject"}, {"willNotify": False}),
        (
            {"errCode": 20004, "errMsg": "The main switch is switched off"},
            {"title": "你已关闭本小程序的订阅消息，请在小程序的设置中打开。"},
        ),
    ],
)
def test_messages_guide_shows_whether_the_user_will_be_notified(name, dialog, shown):
    assert run_page(f"docs/guides/{name}", "onNotify", {"dialog": dialog}) == shown


def run_page(guide, handler, detail):
    """Return what the page of a guide shows when this handler is called."""
    (setting_up, *_), (page,) = map(javascript_of, ("README.md", guide))
    tapped = json.dumps([handler, detail])
    return json.loads(node("-e", RUN_PAGE, TESTS, setting_up, page, tapped))
