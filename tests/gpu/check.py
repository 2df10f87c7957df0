#!/usr/bin/env python3
"""./bootstrap gpu-check: the tests of tests/gpu and two benchmarks on this machine's GPU, one table, one JSON file.

Needs no network and no package beside torch: takes the programs that lie in build/release (built here or carried, see README.md), and builds
them only where they are missing and cmake and ninja are not.
"""

import argparse
import datetime
import glob
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("LLMRUN_BUILD", ROOT / "build/release"))
PROGRAMS = [BUILD / "bin/test_gpu", BUILD / "bin/llmrun-rank", BUILD / "lib/llmrun_cuda.so"]
TORCH = "2.11."
TEST_LIMIT_S = 300
BENCH_LIMIT_S = 120

# The shapes of profiles/models; micro-batches that fill a GPU of 80 GB, and of 40.
BENCHES = {
    "gpt-125m": {"layers": 12, "hidden": 768, "heads": 16, "micro_batch": {80: 16, 40: 8}},
    "gpt-1.5b": {"layers": 48, "hidden": 1536, "heads": 24, "micro_batch": {80: 8, 40: 2}},
}
VOCABULARY = 50257
SEQUENCE = 1024


def fail(what, hint):
    sys.exit(f"gpu-check: {what}\nhint: {hint}")


def find_gpu():
    """Name, driver and memory of the first GPU, as its driver says."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        fail("no GPU answers: there is no nvidia-smi here", "run it on a machine with a GPU; tests/gpu/README.md says what to carry there")
    if answer.returncode != 0 or not answer.stdout.strip():
        fail(f"no GPU answers: {(answer.stdout + answer.stderr).strip() or 'nvidia-smi shows none'}", "nvidia-smi")
    name, driver, memory = (field.strip() for field in answer.stdout.splitlines()[0].split(","))
    return {"gpu": name, "driver": driver, "gpu_memory_mib": int(memory)}


def find_torch():
    """The torch package and the versions that stand in it. Imports nothing of it: that takes seconds."""
    folder = os.environ.get("LLMRUN_TORCH")
    if not folder:
        found = importlib.util.find_spec("torch")
        if found is None:
            fail("python3 finds no torch", "LLMRUN_TORCH=DIR (holds lib/libtorch_cuda.so), or a python3 that imports torch 2.11 first on PATH")
        folder = found.submodule_search_locations[0]
    torch = Path(folder)
    if not (torch / "lib/libtorch_cuda.so").exists():
        fail(f"torch in '{torch}' has no lib/libtorch_cuda.so", "a torch that was built for CUDA")
    text = (torch / "version.py").read_text()
    version, cuda = (re.search(rf"^{key}\b.*?= '([^']+)'", text, re.M) for key in ("__version__", "cuda"))
    version, cuda = version and version.group(1), cuda and cuda.group(1)
    if not version or not version.startswith(TORCH):
        fail(f"torch in '{torch}' is {version}, and the programs are built with {TORCH}x", "LLMRUN_TORCH=DIR of a torch 2.11")
    return torch, {"torch": version, "cuda": cuda}


def environment(torch):
    """Where the programs find LibTorch and what it needs, our modules, and the golden runs."""
    libraries = [str(torch / "lib"), *sorted(glob.glob(str(torch.parent / "nvidia/*/lib")))]
    before = os.environ.get("LD_LIBRARY_PATH")
    return {
        **os.environ,
        "LD_LIBRARY_PATH": ":".join(libraries + ([before] if before else [])),
        "LLMRUN_MODULES": str(BUILD / "lib"),
        "LLMRUN_SOURCE_DIR": str(ROOT),
    }


def build(torch):
    missing = [program for program in PROGRAMS if not program.exists()]
    if not missing:
        return
    names = ", ".join(f"{program.parent.name}/{program.name}" for program in missing)
    if not shutil.which("cmake") or not shutil.which("ninja"):
        fail(f"'{BUILD}' holds no {names}, and here is no cmake and ninja to build them", "carry the programs: tests/gpu/README.md")
    print(f"gpu-check: building, since '{BUILD}' holds no {names}", file=sys.stderr)
    configure = ["cmake", "--preset", "release", f"-DLLMRUN_TORCH={torch}"]
    if not shutil.which("ccache"):
        configure.append("-DCMAKE_CXX_COMPILER_LAUNCHER=")
    for command in (configure, ["ninja", "-C", str(BUILD), "test_gpu", "llmrun-rank", "llmrun_cuda"]):
        if subprocess.run(command, cwd=ROOT).returncode != 0:
            fail(f"cannot build here: {' '.join(command)}", "carry the programs: tests/gpu/README.md")


def expect_start(torch):
    """A program from another machine may not fit this one's C library; that is better said at once."""
    answer = subprocess.run([str(PROGRAMS[1]), "--help"], env=environment(torch), capture_output=True, text=True, timeout=60)
    if answer.returncode != 0:
        fail(f"llmrun-rank does not start here: {answer.stderr.strip()}", "build it here: rm -r build/release, then again")


def run_tests(torch):
    try:
        answer = subprocess.run([str(PROGRAMS[0])], env=environment(torch), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                timeout=TEST_LIMIT_S)
    except subprocess.TimeoutExpired as stopped:
        print((stopped.stdout or b"").decode(errors="replace"))
        return {"passed": 0, "failed": 0, "exit": 124}
    print(answer.stdout)
    if skipped := re.search(r"cases skipped: (.*)", answer.stdout):
        fail(f"no GPU answers the programs: {skipped.group(1)}", "nvidia-smi")
    counts = re.search(r"test cases:\s*\d+\s*\|\s*(\d+) passed\s*\|\s*(\d+) failed", answer.stdout)
    passed, failed = (int(count) for count in counts.groups()) if counts else (0, 0)
    return {"passed": passed, "failed": failed, "exit": answer.returncode}


def run_bench(torch, name, memory_mib):
    shape = BENCHES[name]
    micro_batch = shape["micro_batch"][80 if memory_mib > 70_000 else 40]
    command = [str(PROGRAMS[1]), "bench", "step", "--device", "cuda", "--family", "gpt", "--precision", "bf16", "--json"]
    for key, value in {"layers": shape["layers"], "hidden": shape["hidden"], "heads": shape["heads"], "vocab": VOCABULARY,
                       "seq-len": SEQUENCE, "micro-batch": micro_batch, "warmup": 5, "steps": 20}.items():
        command += [f"--{key}", str(value)]
    result = {"model": name, "micro_batch": micro_batch, "seq_len": SEQUENCE, "precision": "bf16"}
    try:
        answer = subprocess.run(command, env=environment(torch), capture_output=True, text=True, timeout=BENCH_LIMIT_S)
    except subprocess.TimeoutExpired:
        return {**result, "error": f"not done in {BENCH_LIMIT_S} s"}
    if answer.returncode != 0:
        return {**result, "error": (answer.stderr or answer.stdout).strip()}
    return {**result, **json.loads(answer.stdout)}


def commit():
    """What was measured: of this checkout, or as who carried the programs says."""
    answer = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True) if shutil.which("git") else None
    return answer.stdout.strip() if answer and answer.returncode == 0 else os.environ.get("LLMRUN_COMMIT", "unknown")


def table(report):
    tests = report["tests"]
    lines = [
        f"{report['gpu']}, driver {report['driver']}, torch {report['torch']}, CUDA {report['cuda']}, commit {report['commit'][:12]}",
        f"tests/gpu: {tests['passed']} passed, {tests['failed']} failed, exit {tests['exit']}",
        f"{'bf16, seq ' + str(SEQUENCE):<18}{'micro-batch':>12}{'ms a step':>12}{'tokens/s':>12}{'TFLOPS':>9}{'MFU':>8}{'peak GiB':>10}",
    ]
    for bench in report["benches"]:
        if "error" in bench:
            lines.append(f"{bench['model']:<18}{bench['micro_batch']:>12}  {bench['error']}")
            continue
        mfu = "-" if bench["mfu"] is None else f"{bench['mfu']:.1%}"
        lines.append(f"{bench['model']:<18}{bench['micro_batch']:>12}{1e3 * bench['step_time_s']:>12.1f}{bench['tokens_per_s']:>12,.0f}"
                     f"{bench['model_tflops']:>9.1f}{mfu:>8}{bench['mem_peak_bytes'] / 2**30:>10.1f}")
    return "\n".join(lines)


def write(report, folder):
    name = re.sub(r"[^a-z0-9]+", "-", report["gpu"].lower().removeprefix("nvidia ")).strip("-")
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{report['date'][:10]}-{name}.json"
    file.write_text(json.dumps(report, indent=2) + "\n")
    return file


def main():
    parser = argparse.ArgumentParser(prog="./bootstrap gpu-check", description="Tests and benchmarks on this machine's GPU.")
    parser.add_argument("--results", type=Path, default=ROOT / "tests/gpu/results", help="where the JSON goes (tests/gpu/results)")
    options = parser.parse_args()
    gpu = find_gpu()
    torch, versions = find_torch()
    build(torch)
    expect_start(torch)
    report = {"date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"), **gpu, **versions, "commit": commit()}
    report["tests"] = run_tests(torch)
    report["benches"] = [run_bench(torch, name, gpu["gpu_memory_mib"]) for name in BENCHES]
    print(table(report))
    print(f"written to {write(report, options.results)}")
    good = report["tests"]["exit"] == 0 and not any("error" in bench for bench in report["benches"])
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
