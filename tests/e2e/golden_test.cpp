#include "tests/support/tensor_test.h"
// torch first

#include "engine/core/run_paths.h"
#include "tests/e2e/golden_run.h"

using namespace llmrun;

namespace {

struct ProcessCase {
  const char* golden;
  bool over_tcp_too;
  Layout layout;
  const char* more;
};

// Layouts as processes of mpirun: all of them over MPI, half of them over sockets too; odd sizes among them.
const ProcessCase kCases[] = {
    {"gpt2-tiny", false, {.tensor = 2, .pipeline = 2}, "--set parallel.check_collectives=true"},
    {"gpt2-tiny", true, {.tensor = 2, .pipeline = 2}, "--set parallel.sequence=megatron"},
    {"gpt2-tiny", false, {.data = 4}, "--set parallel.zero=1"},
    {"gpt2-tiny", true, {.data = 2, .pipeline = 3}, "--set parallel.recompute=full"},
    {"gpt2-tiny", false, {.tensor = 2, .data = 2, .pipeline = 2}, "--set parallel.zero=1 --set parallel.sequence=megatron"},
    {"gpt2-tiny", true, {.pipeline = 4}, "--set parallel.layers_per_stage=[0,1,1,2]"},
    {"llama-tiny", true, {.tensor = 2, .pipeline = 2}, ""},
    {"llama-tiny", false, {.tensor = 8}, ""},  // four KV heads on eight ranks
    {"llama-tiny", true, {.tensor = 2, .data = 2}, "--set parallel.zero=1 --set train.attention=plain"},
    {"llama-tiny", false, {.data = 2, .pipeline = 2}, "--set train.micro_batch=1"},
    {"llama-tiny", true, {.data = 8}, "--set train.micro_batch=1 --set parallel.zero=1"},
    {"llama-tiny", false, {.tensor = 4, .pipeline = 2}, "--set parallel.sequence=megatron --set parallel.recompute=full"},
    {"gpt2-tiny", false, {.tensor = 2, .pipeline = 2}, "--set parallel.schedule=zero_bubble_v --set train.micro_batch=1"},
    {"gpt2-tiny", true, {.pipeline = 4}, "--set parallel.schedule=zero_bubble --set train.micro_batch=1"},
    {"llama-tiny", false, {.data = 2, .pipeline = 2}, "--set parallel.schedule=interleaved --set parallel.virtual_pipeline=2"},
    {"llama-tiny", true, {.pipeline = 2}, "--set parallel.schedule=gpipe --set train.micro_batch=1"},
    {"gpt2-tiny", false, {.tensor = 2, .data = 2}, "--set parallel.zero=3 --set train.micro_batch=1"},
    {"llama-tiny", true, {.data = 2, .pipeline = 2}, "--set parallel.zero=2 --set parallel.schedule=zero_bubble"},
    {"gpt2-tiny", true, {.data = 2, .pipeline = 2}, "--set parallel.zero=3 --set parallel.recompute=full"},
    {"gpt2-tiny", false, {.sequence_size = 4}, "--set parallel.zero=3"},
    {"gpt2-tiny", true, {.sequence_size = 2, .pipeline = 2}, "--set parallel.recompute=full"},
    {"llama-tiny", false, {.sequence_size = 8}, "--set train.micro_batch=1"},  // four KV heads on eight ranks
    {"llama-tiny", true, {.tensor = 2, .sequence_size = 2}, "--set train.attention=plain"},
    {"gpt2-tiny", false, {.context = 4}, "--set train.attention=plain"},
    {"gpt2-tiny", true, {.context = 2, .data = 2}, "--set parallel.zero=1 --set train.micro_batch=1"},
    {"llama-odd", false, {.context = 3, .data = 2}, ""},
    {"llama-tiny", true, {.tensor = 2, .context = 2}, "--set parallel.sequence=megatron"},
    {"llama-tiny", false, {.sequence_size = 2, .context = 2, .pipeline = 2}, "--set parallel.schedule=zero_bubble"},
    {"gpt2-tiny", true, {.sequence_size = 2, .context = 2}, "--set parallel.zero=2"},
    {"llama-tiny", false, {.context = 2, .pipeline = 2}, "--set parallel.schedule=zero_bubble_v --set parallel.recompute=full"},
    {"llama-packed", true, {.sequence_size = 2, .context = 2}, "--set data.document_masks=true"},
};

void expect_golden(const ProcessCase& process_case, const char* communicator) {
  const Golden golden = read_golden(process_case.golden);
  const CommandLine shell;
  write_golden_yaml(shell, golden);
  const Layout& layout = process_case.layout;
  const std::string words = fmt::format(
      "llmrun train golden.yaml --ranks {} --set parallel.tensor={} --set parallel.pipeline={} --set parallel.data={} "
      "--set parallel.sequence_size={} --set parallel.context={} --set parallel.communicator={}{} {}",
      layout.ranks(), layout.tensor, layout.pipeline, layout.data, layout.sequence_size, layout.context, communicator,
      layout.sequence_size > 1 ? " --set parallel.sequence=ulysses" : "", process_case.more);
  const Outcome outcome = shell(words);
  REQUIRE_MESSAGE(outcome.exit == 0, words, "\n", outcome.err);
  const Plan plan = read_plan(RunPaths(shell.path("run")).plan());
  CHECK(plan.layout == layout);
  const Agreement agreement = compare(golden, plan);
  CHECK_MESSAGE(agreement.holds(), words, ": ", agreement.text());
}

}  // namespace

TEST_CASE("layouts as MPI and TCP processes come out as plain PyTorch made them") {
  for (const ProcessCase& process_case : kCases) {
    expect_golden(process_case, "mpi");
    if (process_case.over_tcp_too) expect_golden(process_case, "tcp");
  }
}

TEST_CASE("greedy text of the final weights is Hugging Face's") {
  for (const char* name : {"gpt2-tiny", "llama-tiny"}) {
    const Golden golden = read_golden(name);
    const json wanted = read_json_file(golden.dir / "generate.json");
    const CommandLine shell;
    write_golden_yaml(shell, golden);
    CHECK(shell("llmrun train golden.yaml --ranks 1").exit == 0);
    CHECK(shell("llmrun checkpoint export run --to hf --dtype fp32").exit == 0);
    const std::string prompt = wanted.at("prompt").dump(), ids = prompt.substr(1, prompt.size() - 2);
    for (const char* from : {"run", "hf"}) {
      const Outcome outcome = shell(fmt::format("llmrun generate {} --prompt-ids {} --max-new-tokens 24 --json", from, ids));
      REQUIRE(outcome.exit == 0);
      CHECK(json::parse(outcome.out).at("ids") == wanted.at("final"));
    }
  }
}
