#include "engine/core/file.h"
#include "engine/core/json.h"
#include "engine/core/run_paths.h"
#include "tests/cli/command.h"
#include "tests/support/test.h"

namespace llmrun {
namespace {

const std::string kPolaris = " --set machine=polaris --set model=gpt-13b --set parallel.tensor=4 --set job.nodes=2 --set run.steps=1000";
const std::string kTiny =
    " --set model=gpt-tiny --set train.seq_len=64 --set run.steps=10 --set machine.node.gpus=0 --set machine.node.cores=4";

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size()) text.replace(at, what.size(), with);
  return text;
}

/// Output without what differs from machine to machine.
std::string anonymous(const CommandLine& shell, const std::string& text) {
  const std::string bin = std::filesystem::path(LLMRUN_PROGRAM).parent_path().string();
  return replaced(replaced(text, bin, "BIN"), shell.path("").substr(0, shell.path("").size() - 1), "HERE");
}

/// A run of one attempt that ended, as llmrun train leaves it.
void make_run(const CommandLine& shell, const std::string& log, const json& exit) {
  std::filesystem::create_directories(shell.path("outputs/x/logs/attempt-01"));
  shell.write("outputs/x/logs/all.log", log);
  shell.write("outputs/x/logs/attempt-01/rank-00001.log", "one\n");
  const json attempt{{"number", 1}, {"id", "i"},   {"start", ""}, {"end", ""}, {"log", shell.path("outputs/x/logs/all.log")},
                     {"ranks", 2},  {"exit", exit}};
  const json record{
      {"version", 1},        {"name", "x"},          {"git", {{"sha", ""}, {"dirty", false}}}, {"versions", {{"llmrun", "0"}}},
      {"finished_steps", 0}, {"attempts", {attempt}}};
  shell.write("outputs/x/run.json", record.dump());
}

}  // namespace

// On GPUs the trainer counts too: tests/e2e/trace_rank_test.cpp.
TEST_CASE("plan --trace-rank knows one rank of 4,096: where it stands, what it holds, what it says, in bytes") {
  const CommandLine shell;
  const std::string large =
      "llmrun plan --set machine=crux --set model=gpt-25b --set job.nodes=128 --set job.ranks_per_node=32 --set parallel.tensor=4 "
      "--set parallel.pipeline=8 --set parallel.zero=1 --set train.accumulate=16 --set run.steps=10 --trace-rank ";
  const Outcome outcome = shell(large + "4095");
  REQUIRE_MESSAGE(outcome.exit == 0, outcome.err);
  CHECK(anonymous(shell, outcome.out) == golden("plan-trace-rank.txt", anonymous(shell, outcome.out)));

  const json rank = json::parse(shell(large + "4094 --json").out);
  CHECK(rank.at("rank") == 4094);
  CHECK(rank.at("axes").at("tensor").at("ranks") == json{4092, 4093, 4094, 4095});
  const json bytes = rank.at("bytes");
  int64_t sum = 0;
  for (const char* part : {"parameters", "gradients", "optimizer", "activations", "unit_work", "zero_buffers"})
    sum += bytes.at(part).get<int64_t>();
  CHECK(bytes.at("total") == sum);

  const Outcome beyond = shell(large + "4096");
  CHECK(beyond.exit == 2);
  CHECK(beyond.err.find("--trace-rank 4096: the plan has ranks 0 to 4095") != std::string::npos);
}

TEST_CASE("plan tells people what a run on Polaris will be") {
  const CommandLine shell;
  const Outcome outcome = shell("llmrun plan" + kPolaris);
  CHECK(outcome.exit == 0);
  CHECK(outcome.err == "");
  CHECK(anonymous(shell, outcome.out) == golden("plan-polaris.txt", anonymous(shell, outcome.out)));
}

TEST_CASE("plan tells programs the same in JSON") {
  const CommandLine shell;
  const Outcome outcome = shell("llmrun plan --json --ranks 4 --set parallel.tensor=2 --set parallel.pipeline=2" + kTiny);
  REQUIRE(outcome.exit == 0);
  const json plan = json::parse(outcome.out);
  CHECK(plan["version"] == 1);
  CHECK(plan["ranks"] == 4);
  CHECK(plan["layout"]["pipeline"] == 2);
  CHECK(plan["tokens_per_step"] == 64);
  CHECK(plan["stages"].size() == 2);
  CHECK(plan["stages"][0]["layers"] == json{0, 2});
  CHECK(plan["stages"][0]["bytes_per_rank"]["total"].get<int64_t>() > plan["stages"][0]["bytes_per_rank"]["optimizer"].get<int64_t>());
  CHECK(plan["flops_per_token"]["model"].get<double>() > plan["flops_per_token"]["model_causal"].get<double>());
  CHECK(plan["stages"][0]["comm_bytes_per_step"]["tensor"].get<int64_t>() > 0);
  CHECK(plan["unit_work_measured"] == true);
  CHECK(plan["warnings"].empty());
  const json polaris = json::parse(shell("llmrun plan --json --set parallel.sequence=ulysses" + kPolaris).out);
  CHECK(polaris["unit_work_measured"] == false);
  REQUIRE(polaris["warnings"].size() == 2);
  CHECK(polaris["warnings"][0].get<std::string>().starts_with("does not fit: stage 0 wants "));
  CHECK(polaris["warnings"][1] == "parallel.sequence ulysses exchanges nothing: parallel.sequence_size is 1");
}

TEST_CASE("plan --schedule draws a pipeline, and tells programs each action") {
  const CommandLine shell;
  const std::string words =
      "llmrun plan --ranks 4 --set parallel.pipeline=4 --set model.layers=4 --set train.accumulate=6 --set "
      "parallel.schedule=zero_bubble --schedule" +
      kTiny;
  const std::string drawn = shell(words).out;
  const std::string picture = drawn.substr(drawn.find("schedule  "));
  CHECK(picture == golden("plan-schedule.txt", picture));
  const json pipeline = json::parse(shell(words + " --json").out).at("pipeline");
  CHECK(pipeline.at("schedule") == "zero_bubble");
  CHECK(pipeline.at("bubble").at("even").get<double>() == doctest::Approx(3.0 / 18));
  CHECK(pipeline.at("stages").at(3).at("actions").at(1) == json{{"action", "B0"}, {"begin", 4.0}, {"end", 5.0}});

  const std::string one = shell("llmrun plan --ranks 1 --set parallel.threads=1 --schedule" + kTiny).out;
  for (const char* said : {"1 a node on 1 node, 1 CPU thread each\n", " 1 sequence of ", ": 1 stage, 1 micro-batch\n"})
    CHECK_MESSAGE(one.find(said) != std::string::npos, said);

  const std::string few = words + " --set train.accumulate=3";
  CHECK(shell(few).out.find("alike (its formula holds from 4 micro-batches on), ") != std::string::npos);
  CHECK(json::parse(shell(few + " --json").out).at("pipeline").at("bubble").at("formula").is_null());
}

TEST_CASE("render prints the launch line and the job script of Polaris, the same bytes each time") {
  const CommandLine shell;
  for (const auto& [words, file] : {std::pair{"launch", "render-launch-polaris.txt"}, {"script", "render-script-polaris.txt"}}) {
    const std::string command =
        std::string("llmrun render ") + words + kPolaris + " --set job.account=P --set job.queue=debug --set job.walltime=01:00:00";
    const Outcome outcome = shell(command);
    CHECK(outcome.exit == 0);
    CHECK(outcome.err == "");
    CHECK(shell(command).out == outcome.out);
    CHECK(anonymous(shell, outcome.out) == golden(file, anonymous(shell, outcome.out)));
  }
  CHECK(shell("llmrun render" + kPolaris).out.starts_with("#!/bin/bash\n#PBS"));   // a machine with a scheduler: the script
  CHECK(shell("llmrun render --ranks 2" + kTiny).out.starts_with("mpirun -n 2"));  // without: the launch line
  CHECK(!std::filesystem::exists(shell.path("outputs")));
}

TEST_CASE("render takes a run file with or without the word before it") {
  const CommandLine shell;
  shell.write("my.yaml",
              "model: gpt-tiny\ntrain: {seq_len: 64}\nrun: {steps: 10}\nmachine: {node: {gpus: 0, cores: 4}, launcher: openmpi}\n");
  const std::string line = shell("llmrun render launch my.yaml --ranks 2").out;
  CHECK(line.starts_with("mpirun -n 2"));
  CHECK(shell("llmrun render my.yaml --ranks 2").out == line);
  CHECK(shell("llmrun render other my.yaml").exit == 2);
}

TEST_CASE("train --dry-run prints the script and writes nothing") {
  const CommandLine shell;
  const Outcome outcome = shell("llmrun train --dry-run --ranks 2" + kTiny);
  CHECK(outcome.exit == 0);
  CHECK(outcome.out.starts_with("#!/bin/bash\n"));
  CHECK(outcome.out.find("exec mpirun -n 2") != std::string::npos);
  CHECK(!std::filesystem::exists(shell.path("outputs")));
}

TEST_CASE("a layout that cannot work is refused with everything that is wrong") {
  const CommandLine shell;
  shell.write("bad.yaml",
              "model:\n  family: gpt\n  layers: 4\n  hidden: 320\n  heads: 20\n  vocab: 256\nparallel:\n  tensor: 8\n  pipeline: 5\n"
              "train:\n  seq_len: 64\nmachine: {node: {gpus: 0, cores: 4}}\n");
  const Outcome outcome = shell("llmrun plan bad.yaml --ranks 42");
  CHECK(outcome.exit == 3);
  CHECK(outcome.out == "");
  CHECK(outcome.err == golden("plan-refused.txt", outcome.err));
  CHECK(shell("llmrun train bad.yaml --ranks 42").exit == 3);
  CHECK(!std::filesystem::exists(shell.path("outputs")));
}

TEST_CASE("L1: a bad hostfile is refused with its lines and exit 5, an odd one noted") {
  const CommandLine shell;
  shell.write("hosts", "n1\n-n2\nn3:x\n");
  const Outcome bad = shell("llmrun plan --hostfile hosts" + kTiny);
  CHECK(bad.exit == 5);
  CHECK(bad.err == golden("hostfile-refused.txt", bad.err));
  shell.write("hosts", "n1:2\r\nn2:2\r\n");
  const Outcome odd = shell("llmrun plan --json --hostfile hosts" + kTiny);
  CHECK(odd.exit == 0);
  CHECK(odd.err == "llmrun: 'hosts' has CRLF line ends: accepted\n");
  CHECK(json::parse(odd.out)["ranks"] == 4);
  CHECK(shell("llmrun plan --hostfile nowhere" + kTiny).exit == 5);
}

TEST_CASE("what is not built yet is refused by name") {
  const CommandLine shell;
  for (const char* words : {"plan --search", "plan --max-seq-len", "bench attention", "bench sweep"}) {
    CAPTURE(words);
    const Outcome outcome = shell(std::string("llmrun ") + words);
    CHECK(outcome.exit == 2);
    CHECK(outcome.err.find("is not built yet") != std::string::npos);
  }
}

TEST_CASE("tail shows the end of a run and ends as it did") {
  const CommandLine shell;
  CHECK(shell("llmrun tail").exit == 2);
  make_run(shell,
           "a\nb\nc loss\n\x1b]52;c;aGk=\x07"
           "evil loss\nrest",
           137);
  const Outcome last = shell("llmrun tail -n 3");
  CHECK(last.exit == 137);
  CHECK(last.out == "c loss\n\\x1b]52;c;aGk=\\x07evil loss\nrest\n");
  CHECK(last.err == "llmrun: attempt 1 of x ended with exit 137: signal 9 (SIGKILL)\nhint: llmrun explain last\n");
  CHECK(shell("llmrun tail x -n 4 --grep loss").out == "c loss\n\\x1b]52;c;aGk=\\x07evil loss\n");
  CHECK(shell("llmrun tail x --raw --grep evil").out ==
        "\x1b]52;c;aGk=\x07"
        "evil loss\n");
  CHECK(shell("llmrun tail x -r 1").out == "one\n");
  CHECK(shell("llmrun tail x -r 2").exit == 2);
  CHECK(shell("llmrun tail x --grep [").exit == 2);
  const Outcome level = shell("llmrun tail x --level warn");
  CHECK(level.exit == 2);
  CHECK(level.err.ends_with("hint: did you mean 'warning'?\n"));
}

TEST_CASE("tail of a run whose llmrun died without a word does not wait for ever") {
  const CommandLine shell;
  make_run(shell, "a\n", json());
  const Outcome outcome = shell("llmrun tail x");
  CHECK(outcome.exit == 1);
  CHECK(outcome.out == "a\n");
}

TEST_CASE("generate looks its run up before it loads anything") {
  const CommandLine shell;
  const Outcome outcome = shell("llmrun generate nothing --prompt x");
  CHECK(outcome.exit == 2);
  CHECK(outcome.err ==
        "llmrun: no run 'nothing'\nhint: there is no run here yet: llmrun train starts one; llmrun history lists those of other "
        "directories\n");
}

}  // namespace llmrun
