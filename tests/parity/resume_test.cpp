#include "tests/support/tensor_test.h"
// torch first

#include <ATen/core/grad_mode.h>

#include <cstring>

#include "engine/checkpoint/directory.h"
#include "engine/checkpoint/reader.h"
#include "engine/core/dataset/indexed_dataset.h"
#include "engine/core/run_paths.h"
#include "engine/train/saved_state.h"
#include "engine/train/trainer.h"
#include "tests/parity/golden.h"
#include "tests/support/ranks.h"
#include "tests/support/temporary_directory.h"

using namespace llmrun;

namespace {

/// Weights and moments of the newest checkpoint, whole.
std::map<std::string, std::vector<float>> state_of(const Plan& plan) {
  const auto found = find_checkpoint(RunPaths(plan.dir).checkpoints());
  REQUIRE(found);
  const CheckpointReader reader(found->directory);
  std::map<std::string, std::vector<float>> state;
  std::vector<Piece> pieces;
  for (const TensorInfo& tensor : model_tensors(plan.model))
    for (Kind kind : kKinds) {
      std::vector<float>& values = state[fmt::format("{}/{}", kind_name(kind), tensor.name)];
      values.resize(static_cast<size_t>(tensor.elements()));
      Piece piece;
      static_cast<Slice&>(piece) = {tensor.name,           kind, tensor.rows, tensor.columns, {{0, tensor.rows}, {0, tensor.columns}},
                                    {0, tensor.elements()}};
      piece.data = values.data();
      pieces.push_back(piece);
    }
  reader.load(pieces);
  return state;
}

bool bit_equal(const std::map<std::string, std::vector<float>>& a, const std::map<std::string, std::vector<float>>& b) {
  if (a.size() != b.size()) return false;
  return std::equal(a.begin(), a.end(), b.begin(), [](const auto& left, const auto& right) {
    return left.first == right.first && left.second.size() == right.second.size() &&
           std::memcmp(left.second.data(), right.second.data(), left.second.size() * sizeof(float)) == 0;
  });
}

/// What the ranks of the plan's layout hold after loading its newest checkpoint, gathered by writing it again from there.
std::map<std::string, std::vector<float>> loaded_state(const Plan& plan) {
  const auto found = find_checkpoint(RunPaths(plan.dir).checkpoints());
  REQUIRE(found);
  Plan again = plan;
  again.dir = plan.dir + "-again";
  run_world(make_thread_world(static_cast<int>(plan.ranks())), [&](const std::shared_ptr<Communicator>& world) {
    const at::NoGradGuard no_grad;
    const Mesh mesh(world, plan.layout, plan.model.kv_heads, shard_ranks(plan.layout, plan.config.parallel));
    Model model(model_options(plan, at::kCPU), mesh);
    const Progress progress = load_state(model, plan, CheckpointReader(found->directory));
    save_state(model, mesh, again, progress, RunPaths(again.dir).checkpoints());
  });
  return state_of(again);
}

std::map<int64_t, double> losses(const Plan& plan) {
  std::map<int64_t, double> by_step;  // a later attempt's line wins
  for (const json& line : read_metrics(plan.dir)) by_step[line.at("step")] = line.at("loss");
  return by_step;
}

Plan plan_of(const Golden& golden, const Layout& layout, int64_t zero, const std::filesystem::path& dir) {
  ParityCase parity_case{layout};
  parity_case.zero = zero;
  return golden_plan(golden, parity_case, dir);
}

}  // namespace

TEST_CASE("a run stopped at steps 7 and 23 ends bit-equal to one that was never stopped") {
  for (const char* name : {"gpt2-tiny", "llama-tiny"}) {
    const Golden golden = read_golden(name);
    const TemporaryDirectory dir;
    for (const Layout& layout : {Layout{}, Layout{.tensor = 2, .data = 2, .pipeline = 2}}) {
      const Plan whole = plan_of(golden, layout, 1, dir.path() / fmt::format("whole-{}", layout.ranks()));
      const Plan stopped = plan_of(golden, layout, 1, dir.path() / fmt::format("stopped-{}", layout.ranks()));
      run_plan(whole);
      Plan moved = stopped;  // the optimizer into host memory, and back
      moved.config.parallel.offload = {Offload::optimizer};
      run_plan(stopped, 7);
      run_plan(moved, 23);
      run_plan(stopped);
      CHECK(losses(stopped) == losses(whole));
      CHECK(bit_equal(state_of(stopped), state_of(whole)));
    }
  }
}

TEST_CASE("tokens are those that have a next one in their document, and a run that is stopped goes on counting them") {
  const Golden golden = read_golden("llama-packed");
  const TemporaryDirectory dir;
  const Plan whole = plan_of(golden, {.data = 2}, 0, dir.path() / "whole"),
             stopped = plan_of(golden, {.context = 2}, 0, dir.path() / "part");
  run_plan(whole);
  run_plan(stopped, 3);
  run_plan(stopped);
  const IndexedDataset dataset((golden.dir / "tokens").string());
  std::vector<int64_t> begins(static_cast<size_t>(dataset.tokens()));
  dataset.document_begins(0, begins);
  int64_t learned = 0;
  for (const json& line : read_metrics(whole.dir)) {
    const int64_t end = line.at("samples").get<int64_t>() * whole.config.train.seq_len;
    for (auto token = static_cast<size_t>(end - whole.tokens_per_step()); token < static_cast<size_t>(end); ++token)
      learned += begins.at(token) == begins.at(token + 1);
    CHECK(line.at("tokens") == learned);
  }
  CHECK(read_metrics(stopped.dir).back().at("tokens") == learned);
}

TEST_CASE("a checkpoint of 2 x 2 x 2 with ZeRO-1 loads in other layouts: state bit-equal, next losses the same") {
  for (const char* name : {"gpt2-tiny", "llama-tiny"}) {
    const Golden golden = read_golden(name);
    const TemporaryDirectory dir;
    const Plan writer = plan_of(golden, {.tensor = 2, .data = 2, .pipeline = 2}, 1, dir.path() / "writer");
    run_plan(writer, 10);
    const auto saved = state_of(writer);
    int index = 0;
    for (const Layout& layout : {Layout{}, Layout{.tensor = 4}, Layout{.data = 2, .pipeline = 4}}) {
      const std::filesystem::path copy = dir.path() / fmt::format("reader-{}", index++);
      std::filesystem::copy(writer.dir, copy, std::filesystem::copy_options::recursive);
      const Plan reader = plan_of(golden, layout, layout.data > 1 ? 1 : 0, copy);
      CHECK(bit_equal(loaded_state(reader), saved));
      run_plan(reader, 12);
      for (int64_t step : {11, 12})
        CHECK(losses(reader).at(step) ==
              doctest::Approx(golden.expected[static_cast<size_t>(step - 1)].at("loss").get<double>()).epsilon(1e-5));
    }
  }
}

TEST_CASE("a checkpoint of ZB-V, whose stages hold layers of both ends, loads in a pipeline that is cut otherwise") {
  const Golden golden = read_golden("gpt2-tiny");  // tied: ZB-V has one copy of the embedding, 1F1B two
  const TemporaryDirectory dir;
  ParityCase there_and_back{{.tensor = 2, .pipeline = 2}};
  there_and_back.schedule = Schedule::zero_bubble_v;
  const Plan writer = golden_plan(golden, there_and_back, dir.path() / "writer");
  run_plan(writer, 10);
  const auto saved = state_of(writer);
  int index = 0;
  for (Schedule schedule : {Schedule::one_f_one_b, Schedule::interleaved}) {
    ParityCase other{{.pipeline = 2}};
    other.schedule = schedule;
    const std::filesystem::path copy = dir.path() / fmt::format("reader-{}", index++);
    std::filesystem::copy(writer.dir, copy, std::filesystem::copy_options::recursive);
    const Plan reader = golden_plan(golden, other, copy);
    CHECK(bit_equal(loaded_state(reader), saved));
    run_plan(reader, 12);
    CHECK(losses(reader).at(12) == doctest::Approx(golden.expected[11].at("loss").get<double>()).epsilon(1e-5));
  }
}
