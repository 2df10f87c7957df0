#include "tests/support/tensor_test.h"
// torch first

#include <ATen/core/grad_mode.h>

#include "engine/core/activations.h"
#include "engine/core/memory.h"
#include "engine/core/run_paths.h"
#include "engine/core/step_traffic.h"
#include "engine/model/initial_weights.h"
#include "engine/train/train_step.h"
#include "engine/train/trainer.h"
#include "tests/parity/golden.h"
#include "tests/parity/seeded_model.h"
#include "tests/support/ranks.h"
#include "tests/support/temporary_directory.h"

using namespace llmrun;

namespace {

struct Counted {
  Plan plan;
  const Mesh* mesh;
  Traffic traffic;  // of one step
  StageCounts counts;
  Model* model;
};

/// One training step of a golden shape on every rank of a case; `check` sees what each rank counted.
void count_step(const Plan& plan, const std::function<void(Counted)>& check) {
  run_seeded(plan, [&](const Mesh& mesh, Model& model, const TrainingData& data) {
    const Traffic before = mesh.traffic();
    Progress progress{.loss_scale = loss_scale(plan.config.train)};
    const StepResult result = train_step(model, mesh, data, plan, progress);
    check({plan, &mesh, mesh.traffic().since(before), result.counts, &model});
  });
}

}  // namespace

TEST_CASE("calls and bytes of a step are the formula's, on every rank and axis") {
  for (const char* name : {"gpt2-tiny", "llama-tiny", "llama-odd"}) {
    const Golden golden = read_golden(name);
    std::vector<ParityCase> cases = pairwise_cases(golden.size());
    for (const ParityCase& drawn : sampled_cases(golden.size(), 50, 2)) cases.push_back(drawn);
    int64_t number = 0;
    for (const ParityCase& parity_case : cases) {
      Plan plan = golden_plan(golden, parity_case, "/nowhere");
      plan.config.train.precision = ++number % 2 == 0 ? Precision::fp32 : Precision::bf16;
      count_step(plan, [&](const Counted& counted) {
        const Traffic wanted =
            step_traffic(plan.model, plan.layout, plan.config.parallel, plan.config.train, plan.accumulate, counted.mesh->rank());
        for (int i = 0; i < kPurposes; ++i)
          for (int verb = 0; verb < kVerbs; ++verb) {
            const Traffic::Count &got = counted.traffic.cells[i].verbs[verb], &formula = wanted.cells[i].verbs[verb];
            CHECK_MESSAGE(got == formula, parity_case.name(), ": ", std::string(kVerbNames[verb]), " on ", std::string(kPurposeNames[i]),
                          ": ", got.calls, " of ", got.bytes, " bytes, the formula says ", formula.calls, " of ", formula.bytes);
          }
      });
    }
  }
}

TEST_CASE("what a stage keeps for backward is the formula's to the byte, whatever is split, scheduled or computed again") {
  for (const char* name : {"gpt2-tiny", "llama-tiny", "gpt2-odd", "llama-odd"}) {
    const Golden golden = read_golden(name);
    int64_t number = 0;
    for (const ParityCase& parity_case : sampled_cases(golden.size(), 50, 4)) {
      Plan plan = golden_plan(golden, parity_case, "/nowhere");
      plan.config.train.precision = ++number % 2 == 0 ? Precision::fp32 : Precision::bf16;
      const PipelineSchedule schedule = pipeline_schedule(plan.config.parallel.schedule, parity_case.placement(), plan.accumulate);
      count_step(plan, [&](const Counted& counted) {
        const int64_t wanted = peak_activations(plan.model, plan.layout, plan.config.parallel, plan.config.train,
                                                schedule.stages[static_cast<size_t>(counted.mesh->where().pipeline)], counted.mesh->rank());
        CHECK_MESSAGE(counted.counts.peak_saved_bytes == wanted, name, " ", parity_case.name(), " rank ", counted.mesh->rank());
      });
    }
  }
}

TEST_CASE("KV heads that two tensor ranks share cost what the formula says") {
  // 4 KV heads over 8 ranks: one each, twice. 3 over 2: two each, of which both ranks hold the middle one.
  for (const auto& [name, tensor] : {std::pair{"llama-tiny", 8}, {"llama-odd", 2}}) {
    const Plan plan = golden_plan(read_golden(name), ParityCase{{.tensor = tensor}}, "/nowhere");
    count_step(plan, [&](const Counted& counted) {
      const Traffic wanted =
          step_traffic(plan.model, plan.layout, plan.config.parallel, plan.config.train, plan.accumulate, counted.mesh->rank());
      CHECK(counted.traffic[Purpose::tensor].calls() == wanted[Purpose::tensor].calls());
      CHECK(counted.traffic[Purpose::tensor].bytes() == wanted[Purpose::tensor].bytes());
    });
  }
}

TEST_CASE("parameter, gradient and optimizer bytes between steps are the formula's, whatever ZeRO divides") {
  const Golden golden = read_golden("gpt2-tiny");
  using Offloads = std::vector<Offload>;
  for (const auto& [zero, offload] : {std::pair<int64_t, Offloads>{0, {}},
                                      {1, {}},
                                      {2, {}},
                                      {3, {}},
                                      {0, {Offload::optimizer}},
                                      {3, {Offload::optimizer}},
                                      {3, {Offload::optimizer, Offload::parameters}}})
    for (Precision precision : {Precision::fp32, Precision::bf16, Precision::fp16}) {
      ParityCase parity_case{{.tensor = 2, .data = 2, .pipeline = 2}};
      parity_case.zero = zero;
      parity_case.offload = offload;
      Plan plan = golden_plan(golden, parity_case, "/nowhere");
      plan.config.train.precision = precision;
      count_step(plan, [&](const Counted& counted) {
        const StateBytes wanted = state_bytes(plan.model, plan.layout, plan.config.parallel, precision, counted.mesh->rank());
        StateBytes got;
        for (ShardedState& state : counted.model->states()) {
          (plan.config.parallel.offloads(Offload::parameters) ? got.host : got.parameters) += state.parameter_bytes();
          got.gradients += state.gradient_bytes();
          (plan.config.parallel.offloads(Offload::optimizer) ? got.host : got.optimizer) += state.optimizer_bytes();
        }
        CHECK(got == wanted);
      });
    }
}

TEST_CASE("each stage holds as many chunks of micro-batches as its schedule says, while it runs") {
  const Golden golden = read_golden("gpt2-tiny");
  for (Schedule schedule : {Schedule::gpipe, Schedule::one_f_one_b, Schedule::interleaved, Schedule::zero_bubble, Schedule::zero_bubble_v})
    for (int64_t stages : {1, 2, 4}) {
      ParityCase parity_case{{.pipeline = stages}};
      parity_case.micro_batch = 1;
      parity_case.schedule = schedule;
      if (parity_case.placement().parts() > 4) continue;  // layers
      const Plan plan = golden_plan(golden, parity_case, "/nowhere");
      const PipelineSchedule planned = pipeline_schedule(schedule, parity_case.placement(), plan.accumulate);
      count_step(plan, [&](const Counted& counted) {
        CHECK(counted.counts.peak_micro_batches == peak_micro_batches(planned.stages[static_cast<size_t>(counted.mesh->where().pipeline)]));
      });
    }
}

TEST_CASE("full recompute keeps the inputs of the blocks, and nothing else of them") {
  const Golden golden = read_golden("llama-tiny");
  for (int64_t stages : {1, 2, 4}) {
    ParityCase parity_case{{.pipeline = stages}};
    parity_case.micro_batch = 2;
    parity_case.recompute = Recompute::full;
    const Plan plan = golden_plan(golden, parity_case, "/nowhere");
    count_step(plan, [&](const Counted& counted) {
      const int64_t tokens = plan.config.train.micro_batch * plan.config.train.seq_len, stage = counted.mesh->where().pipeline;
      const int64_t activation = tokens * plan.model.hidden * 4;
      const int64_t blocks = plan.model.layers / stages;
      // The head is not run again: its input, the gradient it made of it, and a statistic a token. One micro-batch at a time has it, and
      // lets go of it before the last block is run again, which then has all that a block has.
      const int64_t head = counted.mesh->last_stage() ? 2 * activation + 4 * tokens : 0;
      const int64_t again =
          kept_activations(plan.model, plan.layout, plan.config.parallel, plan.config.train, {UnitKind::block, 0}, Recompute::none, 0)
              .after_forward -
          activation;
      CHECK(counted.counts.peak_saved_bytes == (stages - stage) * blocks * activation + std::max(head, again));
    });
  }
}

/// Calls `check(mesh, units of the stage, events)` on each rank, with what its stage did in a step.
template <typename Check>
void log_step(const Plan& plan, Check check) {
  run_mesh(plan, [&](const Mesh& mesh) {
    const at::NoGradGuard no_grad;
    Model model(model_options(plan, at::kCPU), mesh);
    for (ShardedState& state : model.states()) initialise(state, 1);
    model.publish();
    StageLog log;
    model.stage().log = &log;
    Progress progress{.loss_scale = loss_scale(plan.config.train)};
    train_step(model, mesh, TrainingData::training(plan.config.data, {plan.config.train.seq_len, 1, plan.model.vocab}), plan, progress);
    check(mesh, std::ssize(model.stage().units), log.events());
  });
}

TEST_CASE("ZeRO 3 asks for parameters a unit ahead, and sums gradients while the next unit works") {
  using What = StageEvent::What;
  const Golden golden = read_golden("llama-tiny");
  ParityCase parity_case{{.data = 2}};
  parity_case.zero = 3;
  parity_case.micro_batch = 1;
  const Plan plan = golden_plan(golden, parity_case, "/nowhere");
  log_step(plan, [&](const Mesh&, int64_t units, const std::vector<StageEvent>& events) {
    // The newest event of a kind and unit before event `at`, and the next one behind it.
    const auto before = [&](int64_t at, What what, size_t unit) {
      while (at-- > 0)
        if (events[static_cast<size_t>(at)].what == what && events[static_cast<size_t>(at)].unit == unit) return at;
      return int64_t{-1};
    };
    const auto behind = [&](int64_t at, What what, size_t unit) {
      while (++at < std::ssize(events))
        if (events[static_cast<size_t>(at)].what == what && events[static_cast<size_t>(at)].unit == unit) return at;
      return std::ssize(events);
    };
    int64_t forwards = 0, backwards = 0;
    for (int64_t i = 0; i < std::ssize(events); ++i) {
      const StageEvent& event = events[static_cast<size_t>(i)];
      const size_t unit = event.unit;
      if (event.what == What::forward && unit > 0) {
        ++forwards;
        CHECK(before(i, What::gather_posted, unit) < before(i, What::forward, unit - 1));
        CHECK(before(i, What::gather_awaited, unit) > before(i, What::forward, unit - 1));
        CHECK(before(i, What::gather_posted, unit) > before(before(i, What::forward, unit - 1), What::gather_awaited, unit - 1));
      }
      if (event.what == What::backward_weight && static_cast<int64_t>(unit) + 1 < units) {
        ++backwards;
        const int64_t begun = before(i, What::backward_input, unit);
        const int64_t posted = before(i, What::reduce_posted, unit + 1);
        CHECK(posted < begun);
        CHECK(posted > before(begun, What::backward_weight, unit + 1));
        CHECK(behind(posted, What::reduce_awaited, unit + 1) > i);
        CHECK(behind(posted, What::reduce_awaited, unit + 1) < behind(i, What::reduce_posted, unit));
      }
    }
    CHECK(forwards == plan.accumulate * (units - 1));
    CHECK(backwards == plan.accumulate * (units - 1));
  });
}

TEST_CASE("what is saved leaves for host memory while the next unit works, and comes back while the one before does") {
  using What = StageEvent::What;
  const Golden golden = read_golden("gpt2-tiny");
  ParityCase parity_case{{.pipeline = 2}};
  parity_case.micro_batch = 1;
  parity_case.offload = {Offload::activations};
  const Plan plan = golden_plan(golden, parity_case, "/nowhere");
  log_step(plan, [&](const Mesh& mesh, int64_t units, const std::vector<StageEvent>& events) {
    using Item = std::pair<size_t, int64_t>;    // unit, micro-batch
    std::map<Item, int64_t> left_at, asked_at;  // by how much work was done before
    std::set<Item> on_device;
    int64_t work = 0, left = 0, came = 0;
    size_t most = 0;
    for (const StageEvent& event : events) {
      const Item item{event.unit, event.micro_batch};
      if (event.what == What::forward || event.what == What::backward_input) ++work;
      if (event.what == What::forward) on_device.insert(item);
      if (event.what == What::backward_input) CHECK(on_device.contains(item));
      if (event.what == What::backward_weight) on_device.erase(item);
      if (event.what == What::offload_posted) left_at[item] = work;
      if (event.what == What::fetch_posted) {
        asked_at[item] = work;
        on_device.insert(item);
      }
      if (event.what == What::offload_awaited) {
        ++left;
        CHECK(work == left_at.at(item) + 1);
        on_device.erase(item);
      }
      if (event.what == What::fetch_awaited) {
        ++came;
        CHECK(work == asked_at.at(item) + 1);
      }
      most = std::max(most, on_device.size());
    }
    // On the last stage, whose every forward turns into its backward, the head stays, and nothing else comes at the turn.
    const int64_t all = plan.accumulate * units;
    CHECK(left == came);
    CHECK(left == all - (mesh.last_stage() ? plan.accumulate : 0));
    CHECK(most == (mesh.last_stage() ? 2 : 3));
    CHECK(on_device.empty());
  });
}

TEST_CASE("a step is drawn with its work and what ZeRO does beside it") {
  const Golden golden = read_golden("gpt2-tiny");
  const TemporaryDirectory dir;
  ParityCase parity_case{{.data = 2, .pipeline = 2}};
  parity_case.zero = 3;
  Plan plan = golden_plan(golden, parity_case, dir.path() / "run");
  plan.config.observe.profile = true;
  plan.steps = 4;
  std::filesystem::create_directories(RunPaths(plan.dir).attempt(1));
  run_plan(plan);
  for (int64_t rank = 0; rank < plan.ranks(); ++rank) {
    const json events = read_json_file(RunPaths(plan.dir).rank_trace(1, rank)).at("traceEvents");
    std::map<std::string, int64_t> count;
    std::map<int64_t, std::string> tracks;
    for (const json& event : events) {
      CHECK(event.at("pid") == rank + 1);  // 0 is the kernel's own in a viewer
      CHECK(event.at("tid") > 0);
      if (event.at("name") == "process_name") CHECK(event.at("args").at("name") == fmt::format("rank {}", rank));
      if (event.at("name") == "thread_name") tracks[event.at("tid")] = event.at("args").at("name");
    }
    CHECK(tracks.size() == 5);
    for (const json& event : events)
      if (event.at("ph") == "X") {
        ++count[event.at("name").get<std::string>()];
        const std::string& track = tracks.at(event.at("tid"));
        if (event.at("name") == "gather block 0") CHECK(track == "gather parameters");
        if (event.at("name") == "forward block 0") CHECK(track == "compute");
        CHECK(event.at("dur").get<double>() >= 0);
      }
    const std::string block = rank < 2 ? "block 0" : "block 2";  // data is the faster axis
    CHECK(count["forward " + block] == plan.accumulate);
    CHECK(count["backward weight " + block] == plan.accumulate);
    CHECK(count["gather " + block] == 2 * plan.accumulate);
    CHECK(count["reduce-scatter " + block] == plan.accumulate);
    CHECK(count["reduce-scatter " + std::string(rank < 2 ? "embedding" : "head")] == 0);  // tied: summed at the end
    std::map<std::string, int64_t> begun, ended;
    for (const json& event : events) {
      if (event.at("ph") == "b") CHECK_FALSE(event.contains("id"));  // it would be one for all ranks
      if (event.at("ph") == "b") ++begun[event.at("name").get<std::string>()];
      if (event.at("ph") == "e") ++ended[event.at("name").get<std::string>()];
    }
    CHECK(begun == ended);
    CHECK(begun["pipeline message"] == 2 * plan.accumulate);  // an activation one way, its gradient the other
    CHECK(begun["data all_gather"] >= 2 * plan.accumulate);
  }
}
