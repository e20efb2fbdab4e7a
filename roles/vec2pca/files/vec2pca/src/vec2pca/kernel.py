"""The fast engine: kernel.c, compiled on this machine at first use and kept in the user's cache folder."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vec2pca.progress import Progress
from vec2pca.settings import Settings
from vec2pca.text import Corpus, blocks

LANES = 8  # as in kernel.c
START_SHIFT = 19  # likewise
NEGATIVES = 5  # likewise
FLAGS = ("-O3", "-ffp-contract=fast", "-fno-math-errno", "-shared", "-fPIC")
TARGET_FLAGS = ("-march=native", "")  # not every compiler knows `native`
COMPILE_TIMEOUT = 600  # seconds; it takes one or two on a machine that is not busy
FIRST_RATE, LAST_RATE = 0.025, 0.0001  # the learning rate falls evenly; gensim's defaults


class KernelError(Exception):
    """The kernel cannot be compiled or loaded on this machine; the message says why."""


class Model(ctypes.Structure):
    """`struct model` of kernel.c."""

    _fields_ = (
        ("input", ctypes.c_void_p),
        ("output", ctypes.c_void_p),
        ("place", ctypes.c_void_p),
        ("keep", ctypes.c_void_p),
        ("cumulative", ctypes.c_void_p),
        ("start", ctypes.c_void_p),
        ("total", ctypes.c_int64),
        ("done", ctypes.c_int64),
        ("seed", ctypes.c_uint64),
        ("state", ctypes.c_uint64),
        ("first_rate", ctypes.c_double),
        ("last_rate", ctypes.c_double),
        ("vocabulary", ctypes.c_int32),
        ("width", ctypes.c_int32),
        ("window", ctypes.c_int32),
    )


def find_compiler() -> str:
    """Return the path of a C compiler: $CC, or the first of cc, gcc and clang."""
    for name in (os.environ.get("CC"), "cc", "gcc", "clang"):
        if name and (path := shutil.which(name)):
            return path
    raise KernelError("there is no C compiler (cc, gcc or clang)")


def processor_features() -> str:
    """Return what this processor can do: a kernel compiled for another one may not run here."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    features = [line for line in lines if line.startswith(("flags", "Features", "model name", "CPU part"))]
    return "\n".join([platform.machine(), platform.processor(), *dict.fromkeys(features)])


def cache_folder() -> Path:
    """Return the folder of the compiled kernels: $XDG_CACHE_HOME/vec2pca or ~/.cache/vec2pca."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "vec2pca"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.geteuid():  # what lies there will be run
        raise PermissionError(f"{folder} belongs to someone else")
    return folder


def compile_to(library: Path, source: str, compiler: str) -> None:
    """Compile `source` into the shared library `library`, which appears whole or not at all."""
    with tempfile.TemporaryDirectory(dir=library.parent) as work:
        code = Path(work) / "kernel.c"
        code.write_text(source, encoding="utf-8")
        built = Path(work) / "kernel.so"
        for target in TARGET_FLAGS:
            command = [compiler, *FLAGS, *filter(None, [target]), "-o", str(built), str(code)]
            try:
                done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=COMPILE_TIMEOUT)
            except (OSError, subprocess.TimeoutExpired) as error:
                raise KernelError(str(error)) from error
            if done.returncode == 0:
                built.replace(library)
                return
    message = (done.stderr.strip().splitlines() or ["no message"])[0]
    raise KernelError(f"{compiler} failed: {message}")


def load() -> Any:
    """Return the C function `train`, compiling it where it is not in the cache. Raises `KernelError`."""
    source = files("vec2pca").joinpath("kernel.c").read_text(encoding="utf-8")
    compiler = find_compiler()
    key = hashlib.sha256("\0".join([source, compiler, *FLAGS, processor_features()]).encode()).hexdigest()[:16]
    try:
        library = cache_folder() / f"kernel-{key}.so"
        if not library.exists():
            compile_to(library, source, compiler)
        train = ctypes.CDLL(str(library)).train
    except (OSError, RuntimeError) as error:  # no home, no room, a file system mounted noexec
        raise KernelError(str(error)) from error
    train.argtypes = (ctypes.POINTER(Model), ctypes.c_void_p, ctypes.c_int64)
    train.restype = None
    return train


def keep_thresholds(counts: NDArray[np.float64], sample: float) -> NDArray[np.uint32]:
    """Return, per word, the largest 32-bit draw with which an occurrence is kept; `sample` 0 keeps all.

    The rule is word2vec's: with threshold t = sample * all occurrences, keep with (sqrt(c / t) + 1) * t / c.
    """
    if sample == 0:
        return np.full(len(counts), 2**32 - 1, np.uint32)
    with np.errstate(over="ignore"):
        ratio = np.minimum(counts / (sample * counts.sum()), 1e300)  # infinite where the sample is next to nothing
    thresholds: NDArray[np.uint32] = np.minimum((np.sqrt(ratio) + 1) / ratio * 2**32, 2**32 - 1).astype(np.uint32)
    return thresholds


@dataclass(frozen=True)
class Tables:
    """What the kernel looks up for each word of a vocabulary, most frequent first.

    keep: as `keep_thresholds`. cumulative: where a word's share of the 31-bit draws for negatives ends, (words,)
    uint32. start: of each draw >> START_SHIFT the word to begin the search with.
    """

    keep: NDArray[np.uint32]
    cumulative: NDArray[np.uint32]
    start: NDArray[np.int32]

    @classmethod
    def of(cls, counts: NDArray[np.int64], sample: float) -> Tables:
        """Make the tables of words that occur so often; negatives are drawn by counts to the power of 0.75."""
        occurrences = counts.astype(np.float64)
        shares = np.cumsum(occurrences**0.75)
        cumulative = np.rint(shares / shares[-1] * (2**31 - 1)).astype(np.uint32)
        draws = np.arange(1 << (31 - START_SHIFT), dtype=np.int64) << START_SHIFT
        start = np.searchsorted(cumulative, draws, side="right").astype(np.int32)
        return cls(keep_thresholds(occurrences, sample), cumulative, start)


def first_vectors(size: int, features: int, seed: int) -> NDArray[np.float32]:
    """Return the vectors that training begins with, (size, features padded to whole LANES)."""
    vectors = np.zeros((size, -(-features // LANES) * LANES), np.float32)
    random = np.random.default_rng(seed).random((size, features), np.float32)
    vectors[:, :features] = (random * 2 - 1) / features
    return vectors


def random_seed(seed: int) -> int:
    """Return the kernel's 64 bits for a seed."""
    return int.from_bytes(hashlib.sha256(str(seed).encode()).digest()[:8], "little")


def make_model(
    tables: Tables, place: NDArray[np.int32], vectors: NDArray[np.float32], output: NDArray[np.float32], **values: Any
) -> Model:
    """Return the kernel's view of these arrays, which must outlive it; `values` are fields of `Model`.

    place: of each word id its row, or -1. vectors, output: (words, padded features), which the kernel changes.
    """
    arrays = {"keep": tables.keep, "cumulative": tables.cumulative, "start": tables.start, "place": place}
    pointers = {name: array.ctypes.data for name, array in arrays.items()}
    size, width = vectors.shape
    rows = {"input": vectors.ctypes.data, "output": output.ctypes.data, "vocabulary": size, "width": width}
    return Model(**pointers, **rows, **values)


def train_kernel(
    train: Any, corpus: Corpus, vocabulary: NDArray[np.int64], settings: Settings, progress: Progress | None = None
) -> NDArray[np.float32]:
    """Return the vectors of `vocabulary` (ids, most frequent first) by kernel.c, (vocabulary, features) float32.

    One core, one order of things: the same input and seed give the same vectors.
    """
    size, features = len(vocabulary), settings.features
    vectors = first_vectors(size, features, settings.seed)
    if size == 1:  # there are no negatives to draw
        return vectors[:, :features]
    output = np.zeros_like(vectors)
    tables = Tables.of(corpus.counts[vocabulary], settings.sample)
    place = np.full(len(corpus.words), -1, np.int32)
    place[vocabulary] = np.arange(size)
    model = make_model(
        tables,
        place,
        vectors,
        output,
        total=corpus.facts.words * settings.epochs,
        seed=random_seed(settings.seed),
        first_rate=FIRST_RATE,
        last_rate=LAST_RATE,
        window=settings.window,
    )
    for _ in range(settings.epochs):
        for block in blocks(corpus.ids):
            train(ctypes.byref(model), block.ctypes.data, len(block))
            if progress:
                progress("train", model.done, model.total, words=model.done)
    return vectors[:, :features]
