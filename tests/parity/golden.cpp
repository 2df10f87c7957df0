#include "tests/parity/golden.h"

#include <ATen/core/grad_mode.h>
#include <signal.h>
#include <spdlog/sinks/null_sink.h>

#include <cmath>
#include <cstdlib>
#include <fstream>

#include "engine/checkpoint/directory.h"
#include "engine/checkpoint/export.h"
#include "engine/checkpoint/reader.h"
#include "engine/checkpoint/safetensors.h"
#include "engine/core/run_paths.h"
#include "engine/core/spec/decode.h"
#include "engine/core/spec/hugging_face.h"
#include "engine/train/trainer.h"
#include "tests/support/ranks.h"

namespace llmrun {
namespace {

std::vector<json> read_lines(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::vector<json> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(json::parse(line));
  return lines;
}

ModelConfig model_of(const std::filesystem::path& dir) {
  Config config;
  std::vector<Complaint> complaints;
  apply(model_of_hugging_face(dir), config, complaints);
  if (!complaints.empty()) throw Error(Exit::failed, std::move(complaints));
  config.model.from = dir.string();
  return config.model;
}

double relative(double got, double want) { return std::abs(got - want) / std::abs(want); }

void compare_metrics(const Golden& golden, const Plan& plan, Agreement& result) {
  const std::vector<json> got = read_metrics(plan.dir);
  if (got.size() != golden.expected.size()) {
    result.complaints.push_back(fmt::format("{} steps of {}", got.size(), golden.expected.size()));
    return;
  }
  for (size_t i = 0; i < got.size(); ++i) {
    if (got[i].at("step") != golden.expected[i].at("step"))
      result.complaints.push_back(fmt::format("line {} is step {}", i + 1, got[i].at("step").dump()));
    result.loss = std::max(result.loss, relative(got[i].at("loss"), golden.expected[i].at("loss")));
    result.grad_norm = std::max(result.grad_norm, relative(got[i].at("grad_norm"), golden.expected[i].at("grad_norm")));
    if (relative(got[i].at("lr"), golden.expected[i].at("lr")) > 1e-9) result.complaints.push_back("another learning rate");
  }
  // The bytes are rank 0's, whose stage may hold no block.
  const PipelinePlacement placement = pipeline_placement(plan.layout, plan.config.parallel);
  const std::vector<UnitId> units = stage_units(plan.model, placement, /*stage=*/0, plan.config.parallel.layers_per_stage);
  const bool attends = std::any_of(units.begin(), units.end(), [](const UnitId& unit) { return unit.kind == UnitKind::block; });
  for (Axis axis : kAxes)
    if (plan.layout.size(axis) > 1 && (attends || (axis != Axis::sequence && axis != Axis::context)) &&
        got.back().at("comm_bytes").at(std::string(axis_name(axis))).get<int64_t>() == 0)
      result.complaints.push_back(fmt::format("no bytes on axis {}", axis_name(axis)));
}

void compare_weights(const Golden& golden, const Plan& plan, Agreement& result) {
  const RunPaths paths(plan.dir);
  const auto found = find_checkpoint(paths.checkpoints());
  if (!found) {
    result.complaints.push_back("no checkpoint");
    return;
  }
  export_huggingface(CheckpointReader(found->directory), paths.root() / "hf", {}, [](int64_t, int64_t) {});
  const auto want = read_tensors(golden.dir / "final.safetensors"), got = read_tensors(paths.root() / "hf");
  for (const auto& [name, values] : want) {
    const auto same = got.find(name);
    if (same == got.end() || same->second.size() != values.size()) {
      result.complaints.push_back(fmt::format("the export has no '{}' of that size", name));
      continue;
    }
    for (size_t i = 0; i < values.size(); ++i) result.weights = std::max(result.weights, std::abs(double{values[i]} - same->second[i]));
  }
}

}  // namespace

Golden read_golden(const std::string& name) {
  const char* carried = std::getenv("LLMRUN_SOURCE_DIR");
  const std::filesystem::path dir = std::filesystem::path(carried != nullptr ? carried : LLMRUN_SOURCE_DIR) / "tests/golden" / name;
  return {dir, read_json_file(dir / "run.json"), read_lines(dir / "expected.jsonl")};
}

GoldenSize Golden::size() const {
  const ModelConfig model = model_of(dir);
  return {global_batch(), run.at("seq_len"), model.layers, model.heads};
}

Plan golden_plan(const Golden& golden, const ParityCase& parity_case, const std::filesystem::path& dir) {
  const json& run = golden.run;
  Plan plan;
  plan.name = "golden";
  plan.dir = dir.string();
  plan.layout = parity_case.layout;
  plan.communicator = CommunicatorKind::thread;
  plan.steps = run.at("steps");
  plan.global_batch = golden.global_batch();
  plan.accumulate = plan.global_batch / (plan.layout.data * parity_case.micro_batch);
  Config& config = plan.config;
  config.model = model_of(golden.dir);
  config.parallel.sequence = parity_case.sequence;
  config.parallel.zero = parity_case.zero;
  config.parallel.shard_group = parity_case.shard_group;
  config.parallel.offload = parity_case.offload;
  config.parallel.recompute = parity_case.recompute;
  config.parallel.recompute_layers = parity_case.recompute_layers;
  config.parallel.schedule = parity_case.schedule;
  config.parallel.virtual_pipeline = parity_case.placement().chunks;
  config.parallel.layers_per_stage = parity_case.layers_per_stage(config.model.layers);
  config.train.seq_len = run.at("seq_len");
  config.train.micro_batch = parity_case.micro_batch;
  config.train.precision = Precision::fp32;
  config.train.attention = parity_case.attention;
  config.train.clip_grad = run.at("clip_grad");
  config.data.document_masks = run.value("document_masks", false);
  config.optimizer.lr = run.at("lr");
  config.optimizer.min_lr = run.at("min_lr").get<double>();
  config.optimizer.warmup_steps = run.at("warmup_steps");
  config.optimizer.weight_decay = run.at("weight_decay");
  config.data.train = {{(golden.dir / "tokens").string(), 1.0}};
  config.data.order = DataOrder::sequential;
  plan.model = model_shape(config.model, config.train.seq_len);
  return plan;
}

void run_plan(const Plan& plan, int64_t stop_in, const std::function<at::Device(int rank)>& device) {
  std::filesystem::create_directories(plan.dir);
  run_world(make_thread_world(static_cast<int>(plan.ranks())), [&](const std::shared_ptr<Communicator>& world) {
    const at::NoGradGuard no_grad;
    TrainerOptions options;
    options.device = device(world->rank());
    const Mesh mesh(world, plan.layout, plan.model.kv_heads, shard_ranks(plan.layout, plan.config.parallel));
    options.log = std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::null_sink_mt>());
    std::atomic<int> signal{0};
    options.signal = &signal;
    options.entering = [&](const char*, int64_t step) {
      if (stop_in > 0 && step == stop_in && mesh.rank() == 0) signal = SIGTERM;
    };
    train(plan, mesh, options);
  });
}

std::vector<json> read_metrics(const std::filesystem::path& run) { return read_lines(RunPaths(run).metrics()); }

Agreement compare(const Golden& golden, const Plan& plan) {
  Agreement result;
  compare_metrics(golden, plan, result);
  compare_weights(golden, plan, result);
  return result;
}

std::string Agreement::text() const {
  return fmt::format("loss {:.1e} grad_norm {:.1e} weights {:.1e} {}", loss, grad_norm, weights, fmt::join(complaints, "; "));
}

std::map<std::string, std::vector<float>> read_tensors(const std::filesystem::path& path) {
  std::map<std::string, std::vector<float>> tensors;
  std::vector<std::filesystem::path> files;
  if (std::filesystem::is_directory(path)) {
    for (const auto& entry : std::filesystem::directory_iterator(path))
      if (entry.path().extension() == ".safetensors") files.push_back(entry.path());
  } else {
    files.push_back(path);
  }
  for (const auto& name : files) {
    const SafetensorsFile file(name, Exit::failed);
    for (const StoredTensor& tensor : file.header().tensors) {
      if (!is_loadable(tensor.dtype)) continue;
      std::vector<char> bytes(static_cast<size_t>(tensor.bytes));
      file.read(tensor.offset, tensor.bytes, bytes.data());
      std::vector<float>& values = tensors[tensor.name];
      values.resize(static_cast<size_t>(tensor.elements()));
      to_fp32(tensor.dtype, bytes.data(), tensor.elements(), values.data());
    }
  }
  return tensors;
}

}  // namespace llmrun
