#include "tests/support/tensor_test.h"
// torch first

#include <filesystem>

#include "tests/e2e/golden_run.h"

using namespace llmrun;

namespace {

struct Bad {
  const char* what;
  const char* words;  // behind `llmrun train golden.yaml`
  int exit;
  const char* says;  // a part of the message
};

const Bad kBad[] = {
    {"an unknown key", "--ranks 1 --set parallel.tensr=2", 3, "parallel.tensor"},
    {"a mistyped value", "--ranks 1 --set train.micro_batch=two", 3, "micro_batch"},
    {"ranks that do not factor", "--ranks 3 --set parallel.tensor=2", 3, "3"},
    {"heads that do not divide", "--ranks 3 --set parallel.tensor=3", 3, "1, 2"},
    {"a sequence longer than the positions", "--ranks 1 --set train.seq_len=256", 3, "128"},
    {"a feature that is not built", "--ranks 2 --set parallel.context=2", 3, "context"},
    {"a global batch that does not divide", "--ranks 1 --set train.micro_batch=3", 3, "global_batch"},
    {"a dataset that is not there", "--ranks 1 --set data.train=nowhere", 5, "nowhere"},
    {"weights that are not there", "--ranks 1 --set model.from=nowhere", 5, "nowhere"},
    {"an empty hostfile", "--hostfile empty", 5, "empty"},
    {"a host that is an option", "--hostfile dash", 5, "-oProxyCommand"},
    {"a learning rate below zero", "--ranks 1 --set optimizer.lr=-1", 3, "optimizer.lr"},
};

}  // namespace

TEST_CASE("bad input: a clear error with the contract's code, and nothing is started") {
  const Golden golden = read_golden("gpt2-tiny");
  const CommandLine shell;
  write_golden_yaml(shell, golden);
  shell.write("empty", "");
  shell.write("dash", "-oProxyCommand=x\n");
  for (const Bad& bad : kBad) {
    const Outcome outcome = shell(fmt::format("llmrun train golden.yaml {}", bad.words));
    CHECK_MESSAGE(outcome.exit == bad.exit, bad.what, ": ", outcome.err);
    CHECK_MESSAGE(outcome.err.find(bad.says) != std::string::npos, bad.what, ": ", outcome.err);
    CHECK_MESSAGE(outcome.err.find("hint:") != std::string::npos, bad.what, ": ", outcome.err);
    CHECK_MESSAGE(!std::filesystem::exists(shell.path("run/checkpoints")), bad.what);
  }
}

TEST_CASE("damaged datasets and weights are refused with exit 5 and the file's name") {
  const Golden golden = read_golden("gpt2-tiny");
  const CommandLine shell;
  write_golden_yaml(shell, golden);
  for (const char* suffix : {".bin", ".idx"}) {
    std::filesystem::copy_file(golden.dir / "tokens.bin", shell.path("cut.bin"), std::filesystem::copy_options::overwrite_existing);
    std::filesystem::copy_file(golden.dir / "tokens.idx", shell.path("cut.idx"), std::filesystem::copy_options::overwrite_existing);
    const std::string cut = shell.path(std::string("cut") + suffix);
    std::filesystem::resize_file(cut, std::filesystem::file_size(cut) - 7);
    const Outcome outcome = shell("llmrun train golden.yaml --ranks 1 --set data.train=cut");
    CHECK_MESSAGE(outcome.exit == 5, outcome.err);
    CHECK_MESSAGE(outcome.err.find("cut") != std::string::npos, outcome.err);
  }
  std::filesystem::copy(golden.dir, shell.path("model"));
  shell.write("model/model.safetensors", std::string("\xff\xff\xff\xff\xff\xff\xff\x7f", 8) + "{}");
  const Outcome outcome = shell("llmrun train golden.yaml --ranks 1 --set model.from=model");
  CHECK_MESSAGE(outcome.exit == 5, outcome.err);
  CHECK_MESSAGE(outcome.err.find("model.safetensors") != std::string::npos, outcome.err);
}
