// llmrun-checkpoint as its users run it.
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>

#include "engine/core/file.h"
#include "engine/core/json.h"
#include "tests/engine/checkpoint/simulated_run.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test.h"

namespace llmrun {
namespace {

namespace fs = std::filesystem;

struct Outcome {
  int exit = -1;
  std::string out;
  std::string err;
  json document() const { return json::parse(out); }
};

/// A run directory with checkpoints of steps 10 and 20.
struct Run {
  Run() {
    for (const int64_t step : {10, 20}) save_simulated(directory.path() / "checkpoints", small_gpt(), {.tensor = 2}, step);
  }
  Outcome operator()(const std::string& action, const std::string& options = "") const {
    const std::string line =
        fmt::format("cd '{0}' && '{1}' {2} . > .out 2> .err {3}", directory.path().string(), LLMRUN_CHECKPOINT, action, options);
    const int status = std::system(line.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(directory / ".out"), read_file(directory / ".err")};
  }
  void damage(const std::string& step) const {
    const std::string path = directory / ("checkpoints/" + step + "/rank-00001.safetensors");
    std::string bytes = read_file(path);
    bytes.back() ^= 1;
    std::ofstream(path, std::ios::binary) << bytes;
  }
  TemporaryDirectory directory;
};

TEST_CASE("list names the checkpoints, newest first, and those that cannot be used") {
  const Run run;
  fs::remove(run.directory / "checkpoints/step-00000010/manifest.json");
  const Outcome table = run("list");
  CHECK(table.exit == 0);
  CHECK(table.out.starts_with("step-00000020"));
  CHECK(table.out.find("tensor 2") != std::string::npos);
  CHECK(table.out.find("step-00000010    -") != std::string::npos);
  CHECK(table.out.find("not usable: cannot read") != std::string::npos);
  const json document = run("list", "--json").document();
  CHECK(document["version"] == 1);
  CHECK(document["checkpoints"][0]["complete"] == true);
  CHECK(document["checkpoints"][0]["layout"]["tensor"] == 2);
  CHECK(document["checkpoints"][1]["complete"] == false);
}

TEST_CASE("show says what the newest checkpoint holds, or the one asked for") {
  const Run run;
  CHECK(run("show").out.find("step      20, after 160 samples, seed 5") != std::string::npos);
  const json document = run("show", "--step 10 --json").document();
  CHECK(document["step"] == 10);
  CHECK(document["parameters"] == parameter_count(small_gpt()));
  CHECK(document["files"].size() == 2);
  const Outcome absent = run("show", "--step 15 --json");
  CHECK(absent.exit == 98);
  CHECK(absent.document()["error"]["complaints"][0]["hint"] == "there are steps 20, 10");
}

TEST_CASE("verify finds a flipped bit: exit 1 while a good checkpoint is left, 98 when none is") {
  const Run run;
  CHECK(run("verify").exit == 0);
  CHECK(run("verify").out == "step-00000020 every checksum holds\nstep-00000010 every checksum holds\n");
  run.damage("step-00000020");
  const Outcome one = run("verify");
  CHECK(one.exit == 1);
  CHECK(one.err.find("checkpoint 'step-00000020' is damaged: './checkpoints/step-00000020/rank-00001.safetensors' is damaged: ") !=
        std::string::npos);
  CHECK(one.err.find("\nhint: ") != std::string::npos);
  CHECK(one.out == "step-00000010 every checksum holds\n");
  const Outcome told = run("verify", "--json");
  CHECK(told.exit == 1);
  CHECK(told.err == one.err);
  const json document = told.document();  // the good one is named beside the error
  CHECK(document["error"]["code"] == 1);
  CHECK(document["error"]["complaints"].size() == 1);
  CHECK(document["checkpoints"][0]["complete"] == false);
  CHECK(document["checkpoints"][0]["problem"].get<std::string>().find("rank-00001.safetensors' is damaged") != std::string::npos);
  CHECK(document["checkpoints"][1] == json{{"name", "step-00000010"}, {"step", 10}, {"complete", true}});
  run.damage("step-00000010");
  CHECK(run("verify", "--json").exit == 98);
  CHECK(run("verify", "--json").document()["error"]["complaints"].size() == 2);
}

TEST_CASE("a stdout that takes nothing is a failure") {
  const Run run;
  for (const char* nowhere : {"> /dev/full", "--json > /dev/full", ">&-"}) CHECK(run("list", nowhere).exit == 1);
}

TEST_CASE("export writes once, and a name with an escape in it does not reach the terminal raw") {
  const Run run;
  CHECK(run("export", "--to out --dtype bf16 --json").document()["dtype"] == "bf16");
  CHECK(fs::exists(run.directory / "out/model.safetensors"));
  CHECK(run("export", "--to out").exit == 2);
  for (const char* wrong : {"''", "out/config.json"}) {
    const Outcome refused = run("export", std::string("--to ") + wrong);
    CHECK(refused.exit == 2);
    CHECK_MESSAGE(refused.err.find("\nhint: name a new directory: --to ") != std::string::npos, refused.err);
  }
  const Outcome hostile = run("export", "--to \"$(printf 'x\\033]0;y')\"");
  CHECK(hostile.exit == 0);
  CHECK(hostile.out.find('\033') == std::string::npos);
  CHECK(hostile.out.find("x\\x1b]0;y") != std::string::npos);
}

TEST_CASE("what cannot be understood is a usage error") {
  const Run run;
  CHECK(run("export").exit == 2);
  CHECK(run("export", "--to x --dtype fp8").exit == 2);
  CHECK(run("burn").exit == 2);
  CHECK(run("list", "--help").exit == 0);
}

}  // namespace
}  // namespace llmrun
