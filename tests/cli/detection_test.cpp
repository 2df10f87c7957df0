#include "tests/cli/command.h"
#include "tests/support/test.h"

using namespace llmrun;

namespace {

/// A host whose machine profile says 4 GPUs, under a driver that knows `driver` of them; none where it is negative.
class GpuHost {
 public:
  explicit GpuHost(int driver) : driver_(driver) {
    std::filesystem::create_directories(shell_.path("mine/machines"));
    shell_.write("mine/machines/mine.yaml", "hosts: [\"*\"]\nnode: {gpus: 4, cores: 8}\n");
  }
  Outcome operator()(const std::string& words) const {
    const std::string driver = driver_ < 0 ? "" : "LD_LIBRARY_PATH='" LLMRUN_FAKE_NVML "' FAKE_GPUS=" + std::to_string(driver_);
    return shell_("export LLMRUN_PROFILES=\"$PWD/mine:$LLMRUN_PROFILES\" " + driver + "; llmrun " + words +
                  " --set model=gpt-tiny --set run.steps=1");
  }

 private:
  CommandLine shell_;
  int driver_;
};

bool says(const Outcome& outcome, const std::string& text) { return outcome.err.find(text) != std::string::npos; }

constexpr const char* kDisagree = "llmrun: GPUs a node: the machine profile says 4, NVML says 3: going by NVML\n";

}  // namespace

TEST_CASE("where ranks start, a driver that knows fewer GPUs than the profile is believed, and one line says so") {
  const Outcome outcome = GpuHost(3)("train --ranks 4");
  CHECK(outcome.exit == 5);
  CHECK(says(outcome, kDisagree));
  CHECK(says(outcome, "4 ranks do not fit: 1 host of this machine x 3 GPUs = 3"));
}

TEST_CASE("where a run is only planned, the profile's word holds and no driver is asked") {
  for (const char* words : {"plan --ranks 4", "render launch --ranks 4", "train --dry-run --ranks 4"}) {
    CAPTURE(words);
    const Outcome outcome = GpuHost(3)(words);
    CHECK(outcome.exit == 0);
    CHECK(outcome.err == "");
  }
}

TEST_CASE("a machine that a person names is taken as its profile says") {
  const Outcome outcome = GpuHost(3)("train --ranks 5 --set machine=mine");
  CHECK(!says(outcome, kDisagree));
  CHECK(says(outcome, "5 ranks do not fit: 1 host of this machine x 4 GPUs = 4"));
}

TEST_CASE("no driver is no data, and not zero GPUs") {
  CHECK(says(GpuHost(-1)("train --ranks 5"), "5 ranks do not fit: 1 host of this machine x 4 GPUs = 4"));
  CHECK(says(GpuHost(0)("train --ranks 5"), "the machine profile says 4, NVML says 0: going by NVML"));
}

TEST_CASE("job.nodes plans the job to come, inside another job too; what starts here goes by the hosts that are here, and says so") {
  const CommandLine shell;
  const std::string words = " --set model=gpt-tiny --set run.steps=1 --set job.account=P --set job.walltime=1:00:00 --set job.nodes=";
  shell.write("nodes", "x1\nx2\n");
  CHECK(shell("llmrun plan --set machine=thetagpu" + words + "2").out.find("8 a node on 2 nodes") != std::string::npos);
  const std::string in_job = "PBS_NODEFILE=\"$PWD/nodes\" llmrun ";
  const Outcome script = shell(in_job + "submit --dry-run --set machine=polaris" + words + "10");
  CHECK_MESSAGE(script.out.find("#PBS -l select=10:system=polaris\n") != std::string::npos, script.err);
  const std::string note = "llmrun: note: job.nodes 3 does not count here: ranks go to the 2 hosts of PBS_NODEFILE\n";
  for (const char* command : {"train --dry-run", "render launch"}) {
    CAPTURE(command);
    const Outcome launch = shell(in_job + command + " --set machine=polaris" + words + "3");
    CHECK(launch.out.find("--np=8 ") != std::string::npos);
    CHECK(launch.err == note);
    CHECK(shell(in_job + command + " --set machine=polaris" + words + "2").err == "");
  }
}

TEST_CASE("train on Intel GPUs exits 5 and names the missing backend; everything before the start works") {
  const CommandLine shell;
  for (const char* machine : {"aurora", "sunspot"}) {
    CAPTURE(machine);
    const std::string words = std::string(" --set machine=") + machine +
                              " --set model=gpt-13b --set parallel.tensor=4 --set job.nodes=2 --set run.steps=10 --set "
                              "job.account=P --set job.walltime=1:00:00";
    const Outcome outcome = shell("llmrun train" + words);
    CHECK(outcome.exit == 5);
    CHECK(says(outcome, "llmrun: no backend for Intel GPUs (xpu): this version trains on NVIDIA GPUs and on CPUs\n"));
    CHECK(!std::filesystem::exists(shell.path("outputs")));
    CHECK(shell("llmrun train --dry-run" + words).exit == 0);
    CHECK(shell("llmrun plan" + words).out.find("ranks              24 = tensor 4 x data 6, 12 a node on 2 nodes") != std::string::npos);
    CHECK(shell("llmrun render script" + words).exit == 0);
    CHECK(shell("llmrun submit --dry-run --set job.queue=debug" + words).exit == 0);
  }
}

TEST_CASE("an empty name of a hostfile or a run file is an error, and not none: the variable that held it is not set") {
  const CommandLine shell;
  for (const char* command : {"plan", "train", "train --dry-run", "launch", "render"}) {
    CAPTURE(command);
    const std::string program = command == std::string("launch") ? " -- true" : " --set model=gpt-tiny --set run.steps=1";
    const Outcome outcome = shell("llmrun " + std::string(command) + " --hostfile \"$PBS_NODEFILE\"" + program);
    CHECK(outcome.exit == 5);
    CHECK_MESSAGE(says(outcome, "llmrun: --hostfile has an empty name\nhint: "), outcome.err);
  }
  for (const char* command : {"plan", "train", "render", "submit", "config check", "config show"}) {
    CAPTURE(command);
    const Outcome outcome = shell("llmrun " + std::string(command) + " '' --set model=gpt-tiny --set run.steps=1");
    CHECK(outcome.exit == 3);
    CHECK_MESSAGE(says(outcome, "llmrun: the run file has an empty name\nhint: "), outcome.err);
  }
  CHECK(!std::filesystem::exists(shell.path("outputs")));
}
