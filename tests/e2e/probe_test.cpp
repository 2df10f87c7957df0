#include <cstdlib>
#include <map>
#include <set>

#include "engine/core/error.h"
#include "engine/core/json.h"
#include "tests/cli/command.h"
#include "tests/support/test.h"

using namespace llmrun;

// What llmrun starts on ranks to measure, as its users do.
namespace {

/// What lies in the shell's directory, beside the two streams.
std::set<std::string> left_in(const CommandLine& shell) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(shell.path("")))
    if (const std::string name = entry.path().filename(); name != ".out" && name != ".err") names.insert(name);
  return names;
}

json check_of(const json& document, const std::string& name) {
  for (const json& check : document.at("checks"))
    if (check.at("name") == name) return check;
  FAIL("no check '", name, "'");
  return {};
}

}  // namespace

TEST_CASE("bench comm measures the communicator that was asked for, checks it and counts it") {
  for (const auto& [communicator, ranks] : std::vector<std::pair<std::string, int>>{{"thread", 4}, {"mpi", 2}, {"tcp", 2}, {"auto", 3}}) {
    CAPTURE(communicator);
    const CommandLine shell;
    const Outcome done = shell(fmt::format(
        "llmrun bench comm --ranks {} --set parallel.communicator={} --sizes 4KiB,1MiB --iterations 4 --json", ranks, communicator));
    CHECK_MESSAGE(done.exit == 0, done.err);
    const json document = json::parse(done.out);
    CHECK(document.at("version") == 1);
    CHECK(document.at("communicator") == (communicator == "auto" ? "mpi" : communicator));
    CHECK(document.at("ranks") == ranks);
    CHECK(document.at("timings").size() == 6);
    for (const json& timing : document.at("timings")) {
      const double factor = timing.at("collective") == "all_reduce" ? 2.0 * (ranks - 1) / ranks : 1.0 * (ranks - 1) / ranks;
      const auto bytes = timing.at("bytes").get<double>(), time = timing.at("time_s").get<double>();
      CHECK(timing.at("wrong") == 0);
      CHECK(time > 0);
      CHECK(timing.at("counted_bytes") == 4 * bytes);
      CHECK(timing.at("algbw_bytes_per_s").get<double>() == doctest::Approx(bytes / time));
      CHECK(timing.at("busbw_bytes_per_s").get<double>() == doctest::Approx(factor * bytes / time));
    }
    CHECK(left_in(shell).empty());
  }
}

TEST_CASE("bench comm prints the columns of nccl-tests, and refuses a size that is none") {
  const CommandLine shell;
  const Outcome done = shell("llmrun bench comm --ranks 2 --set parallel.communicator=thread --sizes 64KiB --collectives all_reduce");
  CHECK(done.exit == 0);
  CHECK(done.out.starts_with("# 2 ranks on cpu; 2 ranks as threads of one process\n"));
  CHECK(done.out.find("algbw") < done.out.find("busbw"));
  CHECK(done.out.find("\nall_reduce            65536") != std::string::npos);
  const Outcome refused = shell("llmrun bench comm --ranks 2 --set parallel.communicator=thread --sizes many");
  CHECK(refused.exit == 2);
  CHECK(refused.err.find("--sizes: 'many' is not a number of bytes") != std::string::npos);
  CHECK(left_in(shell).empty());
}

TEST_CASE("bench ops times what a step is made of, each by its bytes or its products") {
  const CommandLine shell;
  for (const auto& [family, precision] : {std::pair{"gpt", "fp32"}, {"llama", "bf16"}}) {
    const std::string sizes = "--layers 2 --hidden 64 --heads 4 --kv-heads 2 --ffn 128 --vocab 512 --seq-len 64 --steps 1 --warmup 0";
    const Outcome done = shell(fmt::format("llmrun bench ops --family {} --precision {} {} --json", family, precision, sizes));
    CHECK_MESSAGE(done.exit == 0, done.err);
    const json document = json::parse(done.out);
    CHECK(document.at("version") == 1);
    std::map<std::string, json> ops;
    double most_memory = 0;
    for (const json& op : document.at("ops")) {
      ops[op.at("op")] = op;
      const bool moves = op.at("bytes") > 0;
      CHECK(moves == (op.at("flops") == 0));
      CHECK(moves == op.at("tflops").is_null());
      CHECK(op.at("time_s") > 0);
      const double amount = (moves ? op.at("bytes") : op.at("flops")).get<double>() / op.at("time_s").get<double>();
      CHECK(op.at(moves ? "gb_per_s" : "tflops").get<double>() == doctest::Approx(amount / (moves ? 1e9 : 1e12)));
      if (op.at("op").get<std::string>().starts_with("memory: ")) most_memory = std::max(most_memory, op.at("gb_per_s").get<double>());
    }
    CHECK(ops.contains("rotary") == (std::string_view(family) == "llama"));
    CHECK(ops.at("AdamW").at("of_best").get<double>() == doctest::Approx(ops.at("AdamW").at("gb_per_s").get<double>() / most_memory));
    CHECK(ops.at("mlp out forward").at("flops") == 2 * 4 * 64 * 128 * 64);  // 4 sequences of 64 tokens, 128 to 64 channels
  }
  CHECK(shell("llmrun bench ops --hidden 512 --heads 3").exit == 2);
}

TEST_CASE("doctor --ranks starts ranks here and tells what they found; warnings do not fail it") {
  const CommandLine shell;
  const Outcome done = shell("export RANK=7; llmrun doctor --ranks 2 --json");
  CHECK_MESSAGE(done.exit == 0, done.out);
  const json document = json::parse(done.out);
  CHECK(document.at("worst") == "warn");
  CHECK(check_of(document, "stale ranks").at("result") == "warn");
  CHECK(check_of(document, "programs").at("result") == "ok");
  CHECK(check_of(document, "ranks").at("seen").get<std::string>().starts_with("2 ranks on 1 host; "));
  for (const char* name : {"run directory speed", "TMPDIR speed", "cores", "rank limits", "all-reduce"})
    CHECK_MESSAGE(check_of(document, name).at("result") == "ok", name);
  for (const char* name : {"clocks", "links"}) CHECK(check_of(document, name).at("seen") == "one host");
  CHECK(document.at("report").at("ranks").size() == 2);
  CHECK(left_in(shell).empty());
}

TEST_CASE("ranks that cannot start are a finding of doctor, with what they said") {
  const CommandLine shell;
  const Outcome failed = shell("llmrun doctor --ranks 2 --set parallel.communicator=nccl --json");
  CHECK(failed.exit == 5);
  const json ranks = check_of(json::parse(failed.out), "ranks");
  CHECK(ranks.at("result") == "fail");
  CHECK(ranks.dump().find("they ended with ") != std::string::npos);
  CHECK_MESSAGE(ranks.dump().find("hint: ") == std::string::npos, ranks.dump());  // the cause, not the last line
  CHECK(left_in(shell).empty());
}
