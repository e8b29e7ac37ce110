"""What uploads cost: time, memory, and what other callers feel.

`python -m benchmarks.avatars` serves this checkout with one worker and SQLite, uploads the
largest pictures of each kind one by one and forty at once, and calls hello meanwhile.
"""

import http.client
import io
import multiprocessing
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests
from PIL import Image

from myapi.wechat.sandbox import Sandbox, SandboxServer
from tests.service import Service, at_once, migrate

SIZE = (3264, 2448)  # 8 million pixels
WEBP_SIZE = (2000, 2000)


def pictures() -> dict[str, bytes]:
    """Return the largest pictures of each kind that the service takes."""
    grey = Image.linear_gradient("L").resize(SIZE)
    colours = Image.merge("RGB", (grey, grey.rotate(90), grey.rotate(180)))
    alpha = Image.merge("RGBA", (*colours.split(), grey))
    noise = Image.effect_noise(SIZE, 12).convert("RGB")
    return {
        "JPEG of a camera": encoded(noise, "JPEG", quality=50),
        "JPEG, progressive 4:4:4": encoded(colours, "JPEG", progressive=True, subsampling=0),
        "JPEG, progressive CMYK": encoded(colours.convert("CMYK"), "JPEG", progressive=True),
        "PNG, transparent": encoded(alpha, "PNG"),
        "PNG, palette": encoded(colours.quantize(), "PNG"),
        "PNG, 16 bits": encoded(grey.convert("I").point(lambda v: v * 256).convert("I;16"), "PNG"),
        "WebP": encoded(colours.resize(WEBP_SIZE), "WEBP", method=0),
        "WebP, transparent": encoded(alpha.resize(WEBP_SIZE), "WEBP", alpha_quality=0),
    }


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def memory(pid: int, name: str) -> float:
    """Return VmRSS or VmHWM of a process, in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    raise ValueError(name)


class Hello:
    """Calls hello every few milliseconds in a process of its own, and notes how long it takes."""

    def __init__(self, service: Service) -> None:
        self._stop = multiprocessing.Event()
        self._times: multiprocessing.Queue[list[float]] = multiprocessing.Queue()
        arguments = (service.port, self._stop, self._times)
        self._process = multiprocessing.Process(target=call_hello, args=arguments)
        self.told = ""

    def __enter__(self) -> "Hello":
        self._process.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stop.set()
        times = sorted(self._times.get(timeout=10))
        self._process.join()
        half, p99 = times[len(times) // 2], times[int(len(times) * 0.99)]
        self.told = (
            f"hello p50 {half * 1000:.1f} p99 {p99 * 1000:.1f}"
            f" worst {times[-1] * 1000:.0f} ms of {len(times)}"
        )


def call_hello(port: int, stop: Any, times: Any) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    found = []
    while not stop.wait(0.005):
        started = time.perf_counter()
        connection.request("GET", "/api/hello")
        connection.getresponse().read()
        found.append(time.perf_counter() - started)
    times.put(found)


def main() -> None:
    for name, data in pictures().items():
        with TemporaryDirectory() as folder, sandbox_in(Path(folder)) as wechat:
            measure(wechat.url, Path(folder) / "avatars.db", name, data)


def sandbox_in(folder: Path) -> SandboxServer:
    return SandboxServer(Sandbox(folder / "sandbox.db"))


def measure(wechat: str, file: Path, name: str, data: bytes) -> None:
    """Measure one kind of picture in a service of its own: memory peaks stay."""
    migrate(f"sqlite:///{file}", file.parent)
    limits = {"rate_limit_login": "10000/minute", "rate_limit_user": "10000/minute"}
    with Service(database_url=f"sqlite:///{file}", wechat_base_url=wechat, **limits) as service:
        phones = [service.sign_in(f"user{number}") for number in range(40)]
        (worker,) = service.workers()

        def upload(phone: object) -> requests.Response:
            return phone.post("/api/me/avatar", files={"file": data})  # type: ignore[attr-defined]

        with Hello(service) as idle:
            time.sleep(2)
        print(f"{name}: without uploads {idle.told}")
        before = memory(worker, "VmRSS")
        with Hello(service) as one:
            started = time.perf_counter()
            answer = upload(phones[0])
            seconds = time.perf_counter() - started
            time.sleep(0.5)
        peak = memory(worker, "VmHWM") - before
        print(f"{name}: {len(data) / 2**20:.2f} MiB -> {answer.status_code}")
        print(f"  one: {seconds * 1000:.0f} ms, +{peak:.0f} MiB; {one.told}")
        with Hello(service) as hello:
            started = time.perf_counter()
            answers = at_once(*[lambda phone=phone: upload(phone) for phone in phones])
            seconds = time.perf_counter() - started
        statuses = [answer.status_code for answer in answers]
        peak = memory(worker, "VmHWM") - before
        counts = {status: statuses.count(status) for status in sorted(set(statuses))}
        slowest = max(answer.elapsed.total_seconds() for answer in answers)
        print(
            f"  40 at once: {counts} in {seconds:.1f} s, slowest {slowest:.1f} s,"
            f" +{peak:.0f} MiB; {hello.told}"
        )


if __name__ == "__main__":
    main()
