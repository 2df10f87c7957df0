"""check.py on a machine made of fakes: a GPU that only nvidia-smi knows, a torch that is three files, programs that are scripts."""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

CHECK = Path(__file__).with_name("check.py")
STEP = {"tokens_per_s": 50000.0, "mfu": 0.4, "step_time_s": 0.3277, "mem_peak_bytes": 2**34, "model_tflops": 396.5, "device": "NVIDIA H100"}


class Machine:
    def __init__(self, folder):
        self.root = Path(folder)
        self.program("path/nvidia-smi", "echo 'NVIDIA H100 80GB HBM3, 580.159.04, 81559'")
        self.program("build/bin/test_gpu", "echo '[doctest] test cases: 36 | 36 passed | 0 failed | 0 skipped'")
        self.program("build/bin/llmrun-rank", f"[ $1 = --help ] || echo '{json.dumps(STEP)}'; echo $* >> {self.root}/calls")
        self.file("build/lib/llmrun_cuda.so", "")
        self.file("torch/lib/libtorch_cuda.so", "")
        self.file("torch/version.py", "__version__ = '2.11.0+cu130'\ncuda: Optional[str] = '13.0'\n")

    def file(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def program(self, name, script):
        self.file(name, f"#!/bin/sh\n{script}\n").chmod(0o755)

    def check(self):
        env = {"PATH": f"{self.root}/path:/usr/bin:/bin", "LLMRUN_TORCH": f"{self.root}/torch", "LLMRUN_BUILD": f"{self.root}/build"}
        return subprocess.run([sys.executable, CHECK, "--results", self.root / "results"], env=env, capture_output=True, text=True)

    def report(self):
        (file,) = (self.root / "results").iterdir()
        return file.name, json.loads(file.read_text())


class CheckTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.machine = Machine(folder.name)

    def test_prints_a_table_and_writes_what_was_measured_where(self):
        done = self.machine.check()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"gpt-125m +16 +327\.7 +50,000 +396\.5 +40\.0% +16\.0")
        self.assertIn("36 passed, 0 failed", done.stdout)
        name, report = self.machine.report()
        self.assertRegex(name, r"^\d{4}-\d\d-\d\d-h100-80gb-hbm3\.json$")
        self.assertEqual(report["gpu"], "NVIDIA H100 80GB HBM3")
        self.assertEqual((report["driver"], report["torch"], report["cuda"]), ("580.159.04", "2.11.0+cu130", "13.0"))
        self.assertEqual([bench["model"] for bench in report["benches"]], ["gpt-125m", "gpt-1.5b"])
        calls = (self.machine.root / "calls").read_text()
        self.assertIn("bench step --device cuda --family gpt --precision bf16 --json --layers 48 --hidden 1536 --heads 24", calls)

    def test_a_smaller_gpu_gets_smaller_micro_batches(self):
        self.machine.program("path/nvidia-smi", "echo 'NVIDIA A100-SXM4-40GB, 550.54, 40960'")
        self.assertEqual(self.machine.check().returncode, 0)
        self.assertEqual([bench["micro_batch"] for bench in self.machine.report()[1]["benches"]], [8, 2])

    def test_without_a_gpu_it_says_so_in_a_line_and_fails(self):
        (self.machine.root / "path/nvidia-smi").unlink()
        done = self.machine.check()
        self.assertEqual(done.returncode, 1)
        self.assertIn("gpu-check: no GPU answers: there is no nvidia-smi here\nhint:", done.stderr)

    def test_tests_that_skip_themselves_are_no_success(self):
        self.machine.program("build/bin/test_gpu", "echo 'test_gpu: 36 cases skipped: the driver shows no GPU'")
        done = self.machine.check()
        self.assertEqual(done.returncode, 1)
        self.assertIn("no GPU answers the programs: the driver shows no GPU", done.stderr)

    def test_a_failed_test_or_bench_is_told_and_fails_the_check(self):
        self.machine.program("build/bin/test_gpu", "echo '[doctest] test cases: 36 | 35 passed | 1 failed | 0 skipped'; exit 1")
        self.machine.program("build/bin/llmrun-rank", "[ $1 = --help ] || { echo 'llmrun: CUDA out of memory' >&2; exit 1; }")
        done = self.machine.check()
        self.assertEqual(done.returncode, 1)
        self.assertIn("35 passed, 1 failed, exit 1", done.stdout)
        self.assertRegex(done.stdout, r"gpt-1\.5b +8 +llmrun: CUDA out of memory")

    def test_another_torch_or_missing_programs_are_refused_by_name(self):
        self.machine.file("torch/version.py", "__version__ = '2.9.1+cu128'\ncuda: Optional[str] = '12.8'\n")
        self.assertIn("is 2.9.1+cu128", self.machine.check().stderr)
        self.machine.file("torch/version.py", "__version__ = '2.11.0+cu130'\ncuda: Optional[str] = '13.0'\n")
        (self.machine.root / "build/bin/test_gpu").unlink()
        self.machine.program("path/cmake", "exit 1")
        self.machine.program("path/ninja", "exit 1")
        self.assertIn("cannot build here", self.machine.check().stderr)


if __name__ == "__main__":
    unittest.main()
