"""The phone's side: `miniprogram/myapi` on a stand-in for `wx`, and its contract with the server.

The tests themselves are in tests/miniprogram, for `node --test`. This starts what they call.
"""

import json
import os
import re
import shutil
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import doctor
from deploy.lib import nginx
from myapi import create_app
from myapi.settings import ROOT, Settings
from myapi.web.errors import REGISTRY
from myapi.web.openapi.description import describe
from tests.certificates import Authority
from tests.requirements import need
from tests.servers import HOST, Nginx, free_port
from tests.service import KEY, PRODUCTION, Service

CLIENT = ROOT / "miniprogram" / "myapi"
TOOLS = ROOT / "miniprogram" / "node_modules"
TESTS = ROOT / "tests" / "miniprogram"
DOMAIN = "api.example.com"
UNLIMITED = dict.fromkeys(
    ("rate_limit_login", "rate_limit_login_failed", "rate_limit_user"), "1000000"
)


class Node:
    """Node.js, which runs the tests of the client; nothing of npm is needed for it."""

    @classmethod
    def available(cls):
        found = shutil.which("node")
        said = found and subprocess.run([found, "-v"], capture_output=True, text=True, check=False)
        version = re.match(r"v(\d+)\.", said.stdout) if said else None
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
    """Run Node, and return what it wrote; a failure shows all of it."""
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
    told = node("--test", TESTS / f"{name}.test.js", **environ)
    assert re.search(r"^(#|ℹ) fail 0$", told, re.MULTILINE), told
    assert re.search(r"^(#|ℹ) skipped 0$", told, re.MULTILINE), told
    assert not re.search(r"^(#|ℹ) pass 0$", told, re.MULTILINE), told


# ---- in a world without waiting ----


def test_the_client_keeps_its_promises():
    run_tests("client")


def test_the_client_keeps_them_against_a_server_that_may_do_anything():
    run_tests("fuzz")


def test_the_client_bears_broken_connections_and_nonsense():
    run_tests("broken")


# ---- against the real service ----


def test_the_client_on_a_phone_with_the_real_service(serve, wechat, tmp_path):
    need(Node)
    service = serve(workers=2, **UNLIMITED)
    with operator(Operator(service, wechat.sandbox, tmp_path)) as url:
        run_tests("service", MYAPI_TEST_URL=service.url, MYAPI_TEST_OPERATOR=url)


def test_the_client_through_nginx_with_tls_of_a_private_authority(
    migrated_sqlite, wechat, tmp_path
):
    need(Node, Nginx)
    authority = Authority(tmp_path)
    database = shutil.copy(migrated_sqlite, tmp_path / "served.db")
    settings = {"database_url": f"sqlite:///{database}", **PRODUCTION, **UNLIMITED}
    with (
        Behind(tmp_path / "http.sock", wechat.url, **settings),
        Front(tmp_path / "http.sock", authority.pair(DOMAIN)) as front,
    ):
        run_tests(
            "nginx",
            MYAPI_TEST_TLS_URL=f"https://{DOMAIN}:{front.tls_port}",
            MYAPI_TEST_AUTHORITY=str(authority.file),
        )


class Operator:
    """What is done on the server while a test runs; each public name is a word of `operator`."""

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
    """Serve an operator: POST ["word", …] does it and answers with what it gives."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            word, *arguments = json.loads(body)
            try:
                status, told = 200, getattr(operator, word)(*arguments)
            except Exception as error:
                status, told = 500, repr(error)
            text = json.dumps(told).encode()
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


class Behind(Service):
    """The service on a Unix socket."""

    def __init__(self, path, wechat_base_url, **settings):
        super().__init__(bind=f"unix:{path}", wechat_base_url=wechat_base_url, **settings)
        self._path = path

    def ready(self):
        return self._path.exists() and len(self.workers()) == self.settings["workers"]


class Front(Nginx):
    """Nginx with the file of the deployment; all comes from one address here, so no limits."""

    def __init__(self, path, pair):
        super().__init__("")
        self.tls_port = free_port()
        self._path = path
        self._pair = pair

    def prepare(self):
        said = subprocess.run(
            ["nginx", "-v"], capture_output=True, text=True, check=True, env=PATH
        ).stderr
        site = nginx.Site(
            domain=DOMAIN,
            version=nginx.version(said),
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
    """What the client knows of the server."""
    return json.loads(node(TESTS / "contract.js"))


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    """The server's description of itself."""
    folder = tmp_path_factory.mktemp("described")
    return describe(create_app(Settings(secret_keys=(KEY,), instance_path=folder)))


def test_every_error_of_the_server_is_known_to_the_client_word_for_word(client):
    known = {name: kind for name, kind in client["errors"].items() if kind["status"]}
    assert known.pop("https_required") == {
        "status": 403,
        "code": 40303,
        "en": nginx.MESSAGES[403][0],
        "zh": nginx.MESSAGES[403][1],
    }
    assert known == {
        name: {"status": kind.status, "code": kind.code, "en": kind.msg, "zh": kind.msg_zh}
        for name, kind in REGISTRY.items()
    }


def test_an_error_of_the_phone_has_a_code_of_its_own_and_both_languages(client):
    own = {name: kind for name, kind in client["errors"].items() if not kind["status"]}
    assert not own.keys() & REGISTRY.keys()
    assert sorted(kind["code"] for kind in own.values()) == list(range(1, len(own) + 1))
    for kind in own.values():
        assert re.search(r"[a-z]{2,} [a-z]{2,}", kind["en"])
        assert re.search(r"[\u4e00-\u9fff]{2,}", kind["zh"])


def test_every_call_of_the_client_is_one_that_the_server_describes(client, api):
    for call in client["calls"].values():
        operation = api["paths"][call["path"]][call["method"].lower()]
        assert bool(operation.get("security")) == call["auth"], call
        assert set(call["takes"]) == fields(api, body_of(operation)), call
        data = fields(api, data_of(operation))
        assert set(call["gives"]) <= data, call


def test_an_error_has_the_fields_that_the_client_reads(api):
    error = api["components"]["schemas"]["Error"]
    assert fields(api, error) == {"code", "error", "msg", "request_id"}
    assert api["x-myapi-errors"].keys() == REGISTRY.keys()


def test_the_client_calls_nothing_else():
    for file in CLIENT.glob("*.js"):
        if file.name != "calls.js":
            code = re.sub(r"/\*.*?\*/", "", file.read_text("utf-8"), flags=re.DOTALL)
            assert not re.search(r"['`]/api", code), file.name


def test_the_client_has_the_very_words_of_the_doctor(client):
    for name, said in client["symptoms"].items():
        text = doctor.SYMPTOMS[name].text
        assert (said["en"], said["zh"]) == (text.en, text.zh), name


def test_an_errno_leads_to_what_the_doctor_says_of_it(client):
    """Both ways: nothing that the doctor names is missing here."""
    of_doctor = {
        int(number): name
        for name, symptom in doctor.SYMPTOMS.items()
        if "net::" not in symptom.text.en
        for number in re.findall(r"\b60\d{4}\b|(?<=errno )5\b", symptom.text.en)
    }
    assert len(of_doctor) == 7
    for errno, told in client["errnos"].items():
        name = of_doctor.pop(int(errno), None)
        text = doctor.SYMPTOMS[name].text if name else None
        assert told["symptom"] == (text and {"en": text.en, "zh": text.zh}), errno
    assert not of_doctor


def test_a_number_inside_errno_600001_leads_to_what_the_doctor_says_of_it(client):
    named = {
        number: symptom.text
        for symptom in doctor.SYMPTOMS.values()
        for number in re.findall(r"\((-\d{3})\)$", symptom.text.en.replace(" in errno 600001", ""))
    }
    assert named.keys() <= client["inside"].keys()
    for number, told in client["inside"].items():
        symptom = told["symptom"]
        if number in named:
            assert symptom["en"] == named[number].en
        assert doctor.explain(f"errno 600001 {number}", doctor.OUTSIDE).causes, number


def test_what_the_client_says_leads_the_doctor_to_a_check(client):
    for said in client["symptoms"].values():
        for text in said.values():
            assert doctor.explain(text, doctor.OUTSIDE + doctor.SERVER).causes, text


def body_of(operation):
    return (
        operation["requestBody"]["content"]["application/json"]["schema"]
        if ("requestBody" in operation)
        else {}
    )


def data_of(operation):
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    return schema["properties"]["data"]


def fields(api, schema):
    """Return the names of the fields of a schema."""
    if "$ref" in schema:
        schema = api["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return set(schema.get("properties", {}))


# ---- the module ----


def test_the_types_of_the_client_are_right_and_are_looked_at(tmp_path):
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


def test_the_client_is_written_in_what_old_phones_understand():
    """Nothing newer than ES2018: TypeScript finds nothing in it to put into older words."""
    need(NodeTools)
    node(
        "-e",
        """
        const fs = require('fs')
        const ts = require(process.argv[1])
        const told = (source, target) =>
          ts.transpileModule(source, { compilerOptions: { target, module: 'CommonJS' } }).outputText
        const differs = source => told(source, 'ES2018') !== told(source, 'ESNext')
        if (!differs('a?.b ?? c')) throw new Error('this test tests nothing')
        for (const file of process.argv.slice(2)) {
          if (differs(fs.readFileSync(file, 'utf8'))) throw new Error(file)
        }
        """,
        TOOLS / "typescript",
        *CLIENT.glob("*.js"),
    )


def test_the_client_uses_what_a_phone_has_and_nothing_else():
    for file in CLIENT.glob("*.js"):
        code = re.sub(r"/\*.*?\*/|//.*", "", file.read_text("utf-8"), flags=re.DOTALL | re.M)
        code = re.sub(r"//.*", "", code)
        assert not re.search(
            r"\b(AbortController|URL|TextDecoder|fetch|process|window|document|Buffer|globalThis"
            r"|queueMicrotask|structuredClone)\b(?!['_])",
            code,
        ), file.name
        for required in re.findall(r"require\('([^']*)'\)", code):
            assert re.fullmatch(r"\./\w+", required)
            assert (CLIENT / f"{required}.js").exists()


def test_the_folder_that_is_copied_holds_the_module_alone():
    assert {file.suffix for file in CLIENT.iterdir()} == {".js"}


def test_no_registry_is_named_and_every_tool_is_pinned():
    folder = ROOT / "miniprogram"
    package = json.loads((folder / "package.json").read_text())
    assert "dependencies" not in package
    assert all(re.fullmatch(r"[\d.]+", version) for version in package["devDependencies"].values())
    for file in ("package.json", ".npmrc"):
        assert not re.search(r"https?:|registry\.", (folder / file).read_text())
    lock = json.loads((folder / "package-lock.json").read_text())
    for tool in lock["packages"].values():
        tool.pop("funding", None)  # whom to support: npm writes it, and asks nothing of it
        assert not re.search(r"https?:|registry\.", json.dumps(tool))


# ---- what the documents say ----


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_documents_name_every_error_of_the_client(client, name):
    text = (ROOT / "miniprogram" / name).read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| ([\d, 、]*)\|", text, re.MULTILINE)
    assert {error: int(code) for error, code, _ in rows} == {
        error: kind["code"] for error, kind in client["errors"].items() if not kind["status"]
    }
    named = {errno: error for error, _, cell in rows for errno in re.findall(r"\d+", cell)}
    of_phone = {errno: told["error"] for errno, told in client["errnos"].items()}
    assert {**of_phone, "600001": "tls"} == {**named, "600001": "tls"}  # network too: inside it


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_example_of_the_readme_shows_who_the_user_is(name):
    text = (ROOT / name).read_text("utf-8")
    setting_up, page = re.findall(r"^```js\n(.*?)^```", text, re.MULTILINE | re.DOTALL)[:2]
    assert len((setting_up + page).split("\n")) <= 12
    told = node(
        "-e",
        """
        const [, folder, settingUp, page] = process.argv
        const { Phone, Server, Time } = require(`${folder}/world`)
        const time = new Time(() => 0.5)
        global.wx = new Phone(time, new Server()).wx
        global.setTimeout = time.timers.setTimeout
        global.clearTimeout = time.timers.clearTimeout
        const module1 = {}
        const client = require(`${folder}/../../miniprogram/myapi/index`)
        const settings = settingUp.replace('http://127.0.0.1:8000', 'https://api.example.com')
        new Function('require', 'module', settings)(() => client, module1)
        const Page = it => it.onLoad.call({ setData: data => console.log(JSON.stringify(data)) })
        new Function('require', 'Page', page)(() => module1.exports, Page)
        time.run()
        """,
        TESTS,
        setting_up,
        page,
    )
    assert json.loads(told)["me"].keys() == {"id", "nickname", "avatar_url", "created_at"}
