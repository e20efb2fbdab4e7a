"""A session with Spark: start within bounded time, progress and figures of its stages, errors in plain words."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from vec2pca.errors import Vec2pcaError
from vec2pca.progress import Progress

LOCAL = "local[*]"
SUBMITTED = "PYSPARK_GATEWAY_PORT"  # set where spark-submit started this program
POLL = 0.5  # seconds between two looks at the stages
LINES_SHOWN = 12  # of Spark's messages and its log
# From the host of the driver to the executors: where things are, and the way to the files
CARRIED = (
    "NLTK_DATA",
    "XDG_CACHE_HOME",
    "PYTHONPATH",
    *("SSL_CERT_FILE", "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
)
# What Spark's errors mean, and the fix; the first that is found
ADVICE = (
    (r"(?:Vec2pcaError|LabError): (.+)", r"\1"),
    (
        r"(?:ConnectionError|ConnectionResetError|URLError|TimeoutError): (.+)",
        r"\1. Is it up, can every host reach it?",
    ),
    (
        r"No space left on device",
        (
            "a disk is full: free space, or have spark.local.dir (on the driver: TMPDIR) name a larger one. It needs "
            "four bytes a word, twice"
        ),
    ),
    (
        (
            r"OutOfMemoryError|[Oo]ut of memory|exit code 137|code 52|MemoryError|failed to map segment|"
            r"Python worker exited unexpectedly|ExecutorLostFailure|crashed"
        ),
        (
            "a task was lost four times, as when memory is short: give the executors more (--conf "
            "spark.executor.memory=..., a host with more), or fewer of them a host (--conf spark.executor.cores=1)"
        ),
    ),
    (
        r"All masters are unresponsive|Could not parse Master|Invalid master URL|MASTER_URL",
        (
            "no master answers at {master}: is it running, and is the secret (spark.authenticate.secret) that of the "
            "cluster?"
        ),
    ),
    (
        r"sparkDriver. could not bind|UnresolvedAddress|UnknownHostException|Cannot assign requested address",
        (
            "this host has no such address: set --conf spark.driver.host=ADDRESS to a name or address of it that the "
            "workers can reach (spark-defaults.conf of $SPARK_CONF_DIR may set another)"
        ),
    ),
    (
        r"No module named '?vec2pca",
        (
            "vec2pca is not installed where the executors run: install it there, or name the archive of "
            "scripts/package_cluster"
        ),
    ),
    (
        r"Python in worker has different version|PYTHON_VERSION_MISMATCH",
        "the executors run another version of Python: have PYSPARK_PYTHON name the same one",
    ),
    (
        r"JAVA_GATEWAY_EXITED|Java gateway process exited|JAVA_HOME is not set",
        (
            "Java does not start: Spark needs Java 17 or later (Debian: openjdk-17-jre-headless, or what JAVA_HOME "
            "names), and spark.local.dir and java.io.tmpdir where this user may write"
        ),
    ),
)

Answer = TypeVar("Answer")


def import_pyspark() -> Any:
    """Return the module pyspark. Raises Vec2pcaError where it is not installed."""
    try:
        import pyspark
    except ImportError as error:
        raise Vec2pcaError("Spark is not installed: python -m pip install 'vec2pca[cluster]'") from error
    return pyspark


class Session:
    """A SparkContext and the report of what ran on it.

    phases: name, seconds, stages, tasks, tasks that failed, seconds of CPU of the driver, of the executors' Python
    (`executor_cpu`) and of Spark's own (`spark_cpu`).
    """

    def __init__(self, context: Any, progress: Progress | None) -> None:
        """Take over a started context."""
        self.context = context
        self.progress = progress
        self.phases: list[dict[str, Any]] = []
        self._stages = 0  # seen so far
        self._cpu = context.accumulator(0.0)
        self.words = context.accumulator(0)  # read by the tasks that have ended, also by those that run anew
        self._new_stages()  # that of the start is not ours

    def timed(self, function: Callable[..., Iterator[Answer]]) -> Callable[..., Iterator[Answer]]:
        """Return a function over a partition that also reports its seconds of CPU, and those of what takes its results.

        For one function of each stage: what is kept or goes to another stage comes from a process of its own.
        """
        cpu = self._cpu

        def run(*arguments: Any) -> Iterator[Answer]:
            start = time.process_time()
            yield from function(*arguments)
            cpu.add(time.process_time() - start)

        return run

    @contextmanager
    def phase(self, name: str, *, watch: bool = True) -> Iterator[dict[str, Any]]:
        """Take note of what a phase costs, and tell its progress where `watch`; the caller may add to the note."""
        begin, cpu, driver = time.monotonic(), self._cpu.value, time.process_time()
        note: dict[str, Any] = {"name": name}
        ended = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(name, ended), daemon=True)
        if watch:
            watcher.start()
        try:
            yield note
        finally:
            ended.set()
            if watch:
                watcher.join()
        note["seconds"] = round(time.monotonic() - begin, 1)
        note["driver_cpu"] = round(time.process_time() - driver, 1)
        note["executor_cpu"] = round(self._cpu.value - cpu, 3)
        note |= self._new_stages()
        self.phases.append(note)

    def _watch(self, name: str, ended: threading.Event) -> None:
        """Tell the progress of the stages that run, until the phase ends."""
        tracker, before = self.context.statusTracker(), self.words.value
        while not ended.wait(POLL):
            with suppress(Exception):  # a stage that has just ended; and the work goes on without progress
                running = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
                done, total = (sum(getattr(info, key) for info in running if info) for key in _TASKS)
                words = self.words.value - before
                facts = {"words": words} if words else {}
                if total and self.progress:
                    self.progress(name, min(done, total - 1), total, **facts, lost_executors=self.executors()[1])

    def _new_stages(self) -> dict[str, Any]:
        """Return the figures of the stages since the last call."""
        figures: dict[str, Any] = {"stages": 0, "tasks": 0, "failed_tasks": 0, "spark_cpu": 0.0}
        store = self._store()
        with suppress(Exception):  # there is no stage of that number yet
            while True:
                stage = store.lastStageAttempt(self._stages)
                self._stages += 1
                ran = stage.numCompleteTasks()
                figures["stages"] += bool(ran)
                figures["tasks"] += ran
                figures["failed_tasks"] += stage.numFailedTasks()
                figures["spark_cpu"] += stage.executorCpuTime() / 1e9
        figures["spark_cpu"] = round(figures["spark_cpu"], 1)
        return figures

    def _store(self) -> Any:
        return self.context._jsc.sc().statusStore()  # noqa: SLF001 - the only way to it without a web server

    def executors(self) -> tuple[int, int]:
        """Return how many executors worked, and how many of all were lost."""
        found = self._store().executorList(False)  # noqa: FBT003 - Java takes no names
        executors = [found.apply(i) for i in range(found.size())]
        own = [executor for executor in executors if executor.id() != "driver"]
        return sum(1 for executor in own if executor.isActive()), sum(1 for executor in own if not executor.isActive())

    def report(self) -> dict[str, Any]:
        """Return what the analysis cost: per phase, and on how many executors."""
        active, lost = self.executors()
        return {
            "spark": self.context.version,
            "master": self.context.master,
            "executors": active,
            "lost_executors": lost,
            "seconds": round(sum(phase["seconds"] for phase in self.phases), 1),
            "phases": self.phases,
        }


_TASKS = ("numCompletedTasks", "numTasks")


@contextmanager
def session(
    master: str | None, conf: Mapping[str, str], progress: Progress | None, timeout: float
) -> Iterator[Session]:
    """Start Spark, and stop it at the end. Raises Vec2pcaError, in plain words, for whatever Spark raises.

    master None: what spark-submit says, or this machine. timeout: seconds in which a first executor has to answer.
    """
    pyspark = import_pyspark()
    settings = pyspark.SparkConf().setAppName("vec2pca")
    chosen = master
    if SUBMITTED not in os.environ:
        chosen = master or LOCAL
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # else Spark takes the first python3 of PATH
    for name, value in (_defaults(chosen) | dict(conf)).items():
        settings.set(name, value)
    if chosen:
        settings.setMaster(chosen)
    with tempfile.TemporaryDirectory(prefix="vec2pca-") as folder:
        log = Path(folder) / "spark.log"
        try:
            with _errors_to(log):
                context = pyspark.SparkContext(conf=settings)
            try:
                context.setLogLevel("ERROR")
                _wait_for_executor(context, timeout)
                yield Session(context, progress)
            finally:
                _stop(context)
        except (Vec2pcaError, KeyboardInterrupt, MemoryError):
            raise
        except Exception as error:  # of py4j and pyspark, whose classes differ between versions
            raise Vec2pcaError(explain(error, chosen or "the cluster", log)) from error


def _defaults(master: str | None) -> dict[str, str]:
    """Return the settings that vec2pca needs; those of --conf go before."""
    carried = {f"spark.executorEnv.{name}": os.environ[name] for name in CARRIED if name in os.environ}
    defaults = {
        **carried,
        "spark.executorEnv.OPENBLAS_NUM_THREADS": "1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.maxResultSize": "0",  # what comes to the driver is bounded by the slices
    }
    if master and master.startswith("local"):
        defaults |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    return defaults


@contextmanager
def _errors_to(log: Path) -> Iterator[None]:
    """Have a program that is started meanwhile write its errors to a file: Spark's Java warns of much that is well."""
    sys.stderr.flush()
    own = os.dup(2)
    with log.open("wb") as file:
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(own, 2)
        os.close(own)


def _wait_for_executor(context: Any, timeout: float) -> None:
    """Run an empty task. Raises Vec2pcaError where no executor takes it in time."""
    failed: list[Exception] = []

    def run() -> None:
        try:
            context.parallelize([0], 1).count()
        except Exception as error:  # noqa: BLE001 - raised below
            failed.append(error)

    task = threading.Thread(target=run, daemon=True)
    task.start()
    task.join(timeout)
    if failed:
        raise failed[0]
    if task.is_alive():
        driver = context.getConf().get("spark.driver.host")
        context.cancelAllJobs()
        raise Vec2pcaError(
            f"no executor of {context.master} answered in {timeout:.0f} s. Has a worker free memory and cores (another "
            f"analysis may have them)? Can the workers reach this driver as {driver}? Set --conf "
            "spark.driver.host=ADDRESS to a name or address that they can"
        )


def _stop(context: Any) -> None:
    with suppress(Exception):  # it may have died, which was raised before
        context.stop()


def explain(error: Exception, master: str, log: Path) -> str:
    """Return what an error of Spark means and the fix; where it is not known, its words and the end of the log."""
    text = str(error)
    logged = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    for pattern, advice in ADVICE:
        if found := re.search(pattern, text) or re.search(pattern, logged):
            return found.expand(advice.replace("{master}", master))
    return f"Spark failed: {_last_lines(text)}\nthe end of its log:\n{_last_lines(logged)}"


def _last_lines(text: str) -> str:
    """Return the end of a message, without the places in Java."""
    return "\n".join([line for line in text.splitlines() if not line.strip().startswith("at ")][-LINES_SHOWN:])
