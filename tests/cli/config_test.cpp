#include <nlohmann/json.hpp>

#include "tests/cli/command.h"
#include "tests/support/test.h"

using namespace llmrun;
using nlohmann::json;

namespace {

constexpr const char* kBadRunFile =
    "model: {extends: gpt-13b, heeds: 20}\n"
    "parallel:\n"
    "  tensr: 4\n"
    "  pipeline: \"2\"\n"
    "  pipeline: 3\n"
    "train:\n"
    "  precision: bf61  # grün\n"
    "  deterministic: yes\n"
    "  seq_len: 012\n"
    "tensor: 4\n";

std::string without_duplicate(std::string text) {
  text.erase(text.find("  pipeline: 3\n"), std::string("  pipeline: 3\n").size());
  return text;
}

}  // namespace

TEST_CASE("config check tells everything that is wrong with a run file, as reviewed") {
  const CommandLine shell;
  shell.write("run.yaml", without_duplicate(kBadRunFile));
  const Outcome outcome = shell("LLMRUN_TRAIN_SEQ_LN=3 llmrun config check run.yaml --set parallel.tensor=x");
  CHECK(outcome.exit == 3);
  CHECK(outcome.out == "");
  CHECK(outcome.err == golden("config-check-errors.txt", outcome.err));
}

TEST_CASE("a file that is not the YAML we read is told before its keys") {
  const CommandLine shell;
  shell.write("run.yaml", kBadRunFile);
  const Outcome outcome = shell("llmrun config check run.yaml");
  CHECK(outcome.exit == 3);
  CHECK(outcome.err == golden("config-check-duplicate.txt", outcome.err));
}

TEST_CASE("what is not built, mistyped or contradicts itself is one report") {
  const CommandLine shell;
  shell.write("run.yaml",
              "parallel: {expert: 2, tensor: 3}\ntrain: {global_batch: 7, micro_batch: 2}\nmodel: {extends: gpt-tiny, kv_heads: 3}\n");
  const Outcome both = shell("llmrun config check run.yaml");
  CHECK(both.exit == 3);
  for (const char* said : {"expert parallelism is not built yet", "does not divide model.heads", "does not divide train.global_batch 7"})
    CHECK_MESSAGE(both.err.find(said) != std::string::npos, said);
  const Outcome typed = shell("llmrun config check run.yaml --set trai.seq_len=3");
  for (const char* said : {"expert parallelism is not built yet", "unknown key 'trai'"})
    CHECK_MESSAGE(typed.err.find(said) != std::string::npos, said);
  const Outcome contradicts = shell(
      "llmrun config check --set model=gpt-tiny --set run.steps=3 --set run.tokens=1M --set model.kv_heads=3 --set train.loss_scale=2");
  CHECK(contradicts.exit == 3);
  CHECK(contradicts.err.find("train.loss_scale 2 is for fp16, and train.precision is bf16") != std::string::npos);
  CHECK(contradicts.err.find("llmrun: 3 errors") != std::string::npos);
  CHECK(shell("llmrun config check --set model=gpt-tiny").exit == 0);
}

TEST_CASE("what is not built yet names the value, its line and who set it") {
  const CommandLine shell;
  shell.write("run.yaml", "parallel:\n  expert: 2\ntrain: {objective: dpo}\n");
  const Outcome outcome = shell("llmrun config check run.yaml");
  CHECK(outcome.exit == 3);
  CHECK(outcome.err == golden("config-check-unbuilt.txt", outcome.err));
}

TEST_CASE("with --json errors are data") {
  const CommandLine shell;
  shell.write("run.yaml", "parallel:\n  tensr: 4\n");
  const Outcome outcome = shell("llmrun config check run.yaml --json");
  CHECK(outcome.exit == 3);
  const json document = json::parse(outcome.out);
  CHECK(document["version"] == 1);
  CHECK(document["error"]["code"] == 3);
  CHECK(document["error"]["complaints"][0] == json{{"what", "unknown key 'parallel.tensr'"},
                                                   {"file", "run.yaml"},
                                                   {"line", 2},
                                                   {"column", 3},
                                                   {"hint", "did you mean 'parallel.tensor'?"}});
  CHECK(json::parse(shell("llmrun config --json shw").out)["error"]["code"] == 2);
}

TEST_CASE("control characters of a file do not reach the terminal") {
  const CommandLine shell;
  shell.write("run.yaml", "run: {name: \"a\\e]52;c;eA==\\a\", seed: \xE2\x80\xAE 1}\n");
  const Outcome outcome = shell("llmrun config check run.yaml");
  CHECK(outcome.exit == 3);
  CHECK(outcome.err.find('\x1b') == std::string::npos);
  CHECK(outcome.err.find('\a') == std::string::npos);
  CHECK(outcome.err.find("\xE2\x80\xAE") == std::string::npos);
}

TEST_CASE("colours come when asked for, and only then") {
  const CommandLine shell;
  CHECK(shell("llmrun config check nowhere.yaml").err.find('\x1b') == std::string::npos);
  CHECK(shell("llmrun config check nowhere.yaml --color always").err.find("\x1b[1m") != std::string::npos);
  CHECK(shell("llmrun config check --color blue").exit == 2);
}

TEST_CASE("config show prints every key and where it comes from, as reviewed") {
  const CommandLine shell;
  shell.write("run.yaml", "model: {extends: gpt-13b, max_positions: 2048}\ntrain: {seq_len: 2048}\n");
  const Outcome outcome =
      shell("MICRO_BATCH=2 llmrun config show run.yaml --origin --set machine=polaris --set parallel.tensor=4 --set parallel.tensor=8");
  CHECK(outcome.exit == 0);
  CHECK(outcome.err == "");
  CHECK(outcome.out == golden("config-show-origin.yaml", outcome.out));
}

TEST_CASE("config show says by which rule an automatic value came") {
  const CommandLine shell;
  const std::string shown = shell("llmrun config show --origin --set model=gpt-tiny").out;
  CHECK(shown.find("  seq_len: 256  # auto: min(1024, model.max_positions 256)\n") != std::string::npos);
  const json document = json::parse(shell("llmrun --json config show --origin --set model=gpt-tiny").out);
  CHECK(document["origin"]["train.seq_len"] == json::array({{{"layer", "auto: min(1024, model.max_positions 256)"}, {"value", "256"}}}));
}

TEST_CASE("config show read again is the same") {
  const CommandLine shell;
  shell.write("again.yaml", shell("llmrun config show --set model=llama-3.1-8b --set machine=sophia --set run.name=1e5").out);
  CHECK(shell("llmrun config show again.yaml").out == shell.read("again.yaml"));
}

TEST_CASE("config show --json holds the same values, and the history of each with --origin") {
  const CommandLine shell;
  const json document = json::parse(shell("SEQ_LEN=64 llmrun --json config show --origin --set train.seq_len=32").out);
  CHECK(document["version"] == 1);
  CHECK(document["config"]["train"]["seq_len"] == 32);
  CHECK(document["config"]["parallel"]["data"] == "auto");
  CHECK(document["origin"]["train.seq_len"] ==
        json::array({{{"layer", "environment SEQ_LEN"}, {"value", "64"}}, {{"layer", "the command line"}, {"value", "32"}}}));
  CHECK(document["origin"]["parallel.data"] == json::array());
}

TEST_CASE("config schema is JSON that names every section") {
  const json schema = json::parse(CommandLine()("llmrun config schema").out);
  for (const char* section : {"run", "model", "parallel", "train", "optimizer", "data", "checkpoint", "observe", "machine", "job"})
    CHECK(schema["properties"].contains(section));
  CHECK(CommandLine()("llmrun config schema --text").out.find("parallel.tensor ") != std::string::npos);
  CHECK(CommandLine()("llmrun config schema --text run.seed").out.starts_with("run.seed "));
  CHECK(CommandLine()("llmrun config schema --text run.sed").exit == 3);
}

TEST_CASE("config show gives what a run gets, where the ALCF scripts' knobs go by ranks and nodes too") {
  const CommandLine shell;
  for (const char* knobs :
       {"MODEL_ARCH=7B TRAIN_ITERS=1000", "MODEL_ARCH=7B TRAIN_ITERS=1000 LR_WARMUP_FRAC=0.5 TP=2", "MODEL_SIZE_KEY=GPT13B PPSIZE=2",
        "MODEL_SIZE_KEY=GPT13B SP_TYPE=ds", "LLMRUN_MODEL=gpt-tiny LLMRUN_RUN_STEPS=1"}) {
    CAPTURE(knobs);
    const auto config = [&](const char* command) {
      const Outcome outcome = shell(std::string(knobs) + " llmrun " + command + " --json --set machine=polaris --set job.nodes=8");
      CHECK_MESSAGE(outcome.exit == 0, outcome.err);
      const json document = json::parse(outcome.out);
      return document.contains("config") ? document["config"] : document["plan"]["config"];
    };
    CHECK(config("config show") == config("train --dry-run"));
  }
  const Outcome shown = shell("MODEL_ARCH=7B llmrun config show --origin --set machine=polaris --set job.nodes=8");
  CHECK(shown.out.find("\n  micro_batch: 4  # alcf: 8 nodes of 'polaris'\n") != std::string::npos);
  CHECK(shown.out.find("\n  profile: aurora-gpt-7b  # environment MODEL_ARCH\n") != std::string::npos);
}

TEST_CASE("profiles lists and shows what is shipped") {
  const CommandLine shell;
  const json document = json::parse(shell("llmrun profiles --json").out);
  CHECK(document["profiles"].size() > 10);
  CHECK(shell("llmrun profiles list").out == shell("llmrun profiles").out);
  CHECK(shell("llmrun profiles list").out.find(" gpt-13b          12.8 B parameters in 40 layers of width 5120; key GPT13B\n") !=
        std::string::npos);
  CHECK(shell("llmrun profiles show polaris").out == CommandLine::slurp(LLMRUN_SOURCE_DIR "/profiles/machines/polaris.yaml"));
  const Outcome outcome = shell("llmrun profiles show polrais");
  CHECK(outcome.exit == 3);
  CHECK(outcome.err == "llmrun: no machine profile 'polrais'\nhint: did you mean 'polaris'?\n");
}

TEST_CASE("a site's own file extends a shipped machine, from each place where it may lie") {
  for (const char* place : {"mine", ".config/llmrun/profiles", ".config/llmrun"}) {
    CAPTURE(place);
    const CommandLine shell;
    std::filesystem::create_directories(shell.path(place) + "/machines");
    shell.write(std::string(place) + "/machines/polaris.yaml",
                "extends: polaris\nqueues: {R1: {nodes: [1, 4], walltime: [\"00:05:00\", \"02:00:00\"]}}\n");
    shell.write(std::string(place) + "/machines/beside.yaml", "extends: polaris\nnode: {gpus: 2}\n");
    const auto machine = [&](const std::string& name) {
      return json::parse(shell("LLMRUN_PROFILES=\"$PWD/mine\" llmrun config show --json --set machine=" + name).out)["config"]["machine"];
    };
    CHECK(machine("polaris")["queues"].contains("R1"));
    CHECK(machine("polaris")["queues"].contains("debug"));
    CHECK(machine("beside")["node"]["gpus"] == 2);
    CHECK(machine("beside")["launcher"] == "pals");
  }
}

TEST_CASE("keys that are typed often have options of their own, and a --set counts over them: hints are typed so") {
  const CommandLine shell;
  const std::string show = "llmrun config show --origin ";
  const std::string by_set = shell(show +
                                   "--set machine=polaris --set model=gpt-13b --set run.name=big --set run.steps=9 --set job.nodes=2 --set "
                                   "job.queue=debug --set job.account=me --set job.walltime=01:00:00")
                                 .out;
  CHECK(by_set.find("queue: debug  # the command line") != std::string::npos);
  CHECK(
      shell(show + "--machine polaris --model gpt-13b --name big --steps 9 --nodes 2 --queue debug --account me --walltime 01:00:00").out ==
      by_set);
  for (const char* words : {"-q debug --set job.queue=prod", "--set job.queue=prod -q debug"})
    CHECK(shell(fmt::format("llmrun config show {}", words)).out.find("queue: prod\n") != std::string::npos);
  const Outcome bad = shell("llmrun config show --nodes two");
  CHECK(bad.exit == 3);
  CHECK(bad.err.find("job.nodes: 'two' is not a whole number\n   = set by the command line\n") != std::string::npos);
}

TEST_CASE("a wrong word is a usage error with the nearest right one") {
  const CommandLine shell;
  const auto told = [&](const std::string& words) {
    const Outcome outcome = shell(words);
    CHECK(outcome.exit == 2);
    return outcome.err;
  };
  CHECK(told("llmrun confg") == "llmrun: unknown command 'confg' of 'llmrun'\nhint: did you mean 'config'?\n");
  CHECK(told("llmrun config shw") == "llmrun: unknown command 'shw' of 'llmrun config'\nhint: did you mean 'show'?\n");
  CHECK(told("llmrun config show --orign") == "llmrun: unknown option '--orign' of 'llmrun config show'\nhint: did you mean '--origin'?\n");
  CHECK(told("llmrun plan --seq-len 128") ==
        "llmrun: unknown option '--seq-len' of 'llmrun plan'\nhint: it is a key of the configuration: --set train.seq_len=VALUE\n");
  CHECK(told("llmrun launch --machine=polaris -- true").ends_with("\nhint: it is a key of the configuration: --set machine=NAME\n"));
  CHECK(told("llmrun tail --seq-len 128").ends_with("\nhint: llmrun tail --help\n"));  // it knows no keys
  CHECK(told("llmrun config show a.yaml b.yaml") ==
        "llmrun: unknown argument 'b.yaml' of 'llmrun config show'\nhint: llmrun config show --help\n");
  CHECK(told("llmrun config") == "llmrun: 'llmrun config' needs a command\nhint: llmrun config show|check|schema\n");
  CHECK(told("llmrun").ends_with("\nhint: llmrun --help\n"));
  CHECK(told("llmrun config show --set").ends_with("\nhint: llmrun config show --help\n"));
}

TEST_CASE("help goes to stdout, with examples") {
  const Outcome outcome = CommandLine()("llmrun config show --help");
  CHECK(outcome.exit == 0);
  CHECK(outcome.err == "");
  CHECK(outcome.out.find("Examples:\n  llmrun config show") != std::string::npos);
}

TEST_CASE("output that cannot be written is a failure") { CHECK(CommandLine()("llmrun config show > /dev/full").exit == 1); }

TEST_CASE("a profile directory that may not be entered counts as absent, with one warning") {
  const CommandLine shell;
  std::filesystem::create_directories(shell.path(".config"));
  std::filesystem::create_symlink("llmrun", shell.path(".config/llmrun"));
  const Outcome outcome = shell("llmrun plan --set model=gpt-tiny --set run.steps=1");
  CHECK_MESSAGE(outcome.exit == 0, outcome.err);
  CHECK(outcome.err == "llmrun: warning: '" + shell.path(".config/llmrun/profiles") +
                           "' counts as if it were not there: Too many levels of symbolic links\n");
}
