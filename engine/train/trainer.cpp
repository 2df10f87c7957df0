#include "engine/train/trainer.h"

#include <chrono>
#include <csignal>
#include <optional>

#include "engine/core/run_paths.h"
#include "engine/observe/metric_sink.h"
#include "engine/observe/timeline.h"
#include "engine/parallel/agreement.h"
#include "engine/train/evaluate.h"
#include "engine/train/resume.h"
#include "engine/train/step_meter.h"
#include "engine/train/train_step.h"

namespace llmrun {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kProfiledStep = 3;  // of an attempt: the first ones open connections and fill caches

/// One rank's way through the plan.
class Trainer {
 public:
  Trainer(const Plan& plan, const Mesh& mesh, const TrainerOptions& options)
      : plan_(plan),
        mesh_(mesh),
        options_(options),
        log_(*options.log),
        paths_(plan.dir),
        model_(model_options(plan, options.device), mesh),
        meter_(plan, mesh, model_, options.attempt) {
    const SampleShape samples{plan.config.train.seq_len, static_cast<uint64_t>(plan.config.run.seed), plan.model.vocab};
    data_.emplace(TrainingData::training(plan.config.data, samples));
    valid_ = TrainingData::validation(plan.config.data, samples);
    if (mesh.rank() != 0) return;
    sink_ = make_jsonl_sink(paths_.metrics());
    warn();
  }

  Exit run() {
    options_.entering("restore", 0);
    progress_ = restore(model_, mesh_, plan_, paths_, log_);
    last_save_ = Clock::now();
    while (progress_.step < plan_.steps) {
      const StopWish stop = step();
      const bool last = progress_.step == plan_.steps;
      if (last || stop != StopWish::none || save_is_due()) save();
      if (stop != StopWish::none && !last) return stopped(stop);
    }
    return Exit::done;
  }

 private:
  /// Of what is asked for and does nothing.
  void warn() const {
    if (options_.device.is_cpu() && !plan_.config.parallel.offload.empty())
      log_.warn("parallel.offload frees nothing: the ranks' own memory is the host's");
    if (data_->synthetic()) log_.warn("data.train is synthetic: tokens are made by seed, the loss means nothing");
    if (plan_.config.observe.eval_every > 0 && !valid_)
      log_.warn("observe.eval_every evaluates nothing: there is no data.valid, and no second share in data.split");
  }

  int asked() const { return options_.signal != nullptr ? options_.signal->load() : 0; }

  StopWish wish() const {
    if (asked() != 0) return StopWish::signal;
    return options_.stop_at && Clock::now() >= *options_.stop_at ? StopWish::walltime : StopWish::none;
  }

  Exit stopped(StopWish why) {
    log_.warn("stopped after step {} {}, with a checkpoint", progress_.step, why == StopWish::signal ? "as asked" : "before the walltime");
    if (why == StopWish::walltime) return Exit::resubmit;
    return static_cast<Exit>(128 + (asked() != 0 ? asked() : SIGTERM));  // another rank was asked: most likely so
  }

  /// Returns whether to stop: the same on every rank.
  StopWish step() {
    const int64_t number = progress_.step + 1;
    options_.entering("step", number);
    StageLog drawn;
    CallLog calls;
    const bool draws = plan_.config.observe.profile && !profiled_ && (++steps_here_ == kProfiledStep || number == plan_.steps);
    if (draws) log_into(&drawn, &calls);
    meter_.begin();
    const StepResult result = train_step(model_, mesh_, *data_, plan_, progress_, wish());
    if (draws) {
      log_into(nullptr, nullptr);
      write_profile(drawn, calls);
    }
    if (result.skipped && mesh_.rank() == 0)
      log_.warn("step {} is skipped: a gradient overflows fp16; the loss scale is now {}", number, *progress_.loss_scale.scale);
    Metrics metrics = meter_.end(progress_, result);
    if (evaluation_is_due()) {
      options_.entering("evaluation", number);
      metrics.valid_loss = evaluate(model_, mesh_, *valid_, plan_, validation_samples());
    }
    if (sink_) sink_->write(metrics);
    return result.stop;
  }

  void log_into(StageLog* work, CallLog* calls) {
    model_.stage().log = work;
    if (const auto& traffic = mesh_.world().traffic()) traffic->log = calls;
  }

  void write_profile(const StageLog& drawn, const CallLog& calls) {
    profiled_ = true;
    std::vector<std::string> names;
    for (const auto& unit : model_.stage().units) names.push_back(unit_name(unit->buffers().table().unit));
    const std::filesystem::path file = paths_.rank_trace(options_.attempt, mesh_.rank());
    write_timeline(file, drawn, calls, names, mesh_.rank());
    if (mesh_.rank() == 0) log_.info("drew a step of each rank: '{}' and its neighbours, for ui.perfetto.dev", file.string());
  }

  bool evaluation_is_due() const {
    const int64_t every = plan_.config.observe.eval_every;
    return valid_ && ((every > 0 && progress_.step % every == 0) || progress_.step == plan_.steps);
  }

  int64_t validation_samples() const {
    const int64_t wanted = plan_.config.observe.eval_samples;
    return wanted == 0 ? valid_->samples() : std::min(wanted, valid_->samples());
  }

  bool save_is_due() {
    const CheckpointConfig& checkpoint = plan_.config.checkpoint;
    if (checkpoint.every_steps > 0 && progress_.step % checkpoint.every_steps == 0) return true;
    if (checkpoint.every_minutes <= 0) return false;
    const double minutes = std::chrono::duration<double>(Clock::now() - last_save_).count() / 60;
    return rank_0_says(mesh_, minutes >= checkpoint.every_minutes, options_.device);
  }

  void save() {
    options_.entering("checkpoint", progress_.step);
    for (const std::string& note : save_state(model_, mesh_, plan_, progress_, paths_.checkpoints())) log_.warn("{}", note);
    if (mesh_.rank() == 0) log_.info("saved checkpoint of step {}", progress_.step);
    last_save_ = Clock::now();
  }

  const Plan& plan_;
  const Mesh& mesh_;
  const TrainerOptions& options_;
  spdlog::logger& log_;
  RunPaths paths_;
  Model model_;
  StepMeter meter_;
  std::optional<TrainingData> data_, valid_;
  std::unique_ptr<MetricSink> sink_;  // rank 0
  Progress progress_;
  Clock::time_point last_save_;
  int64_t steps_here_ = 0;  // of this attempt, until one was drawn
  bool profiled_ = false;
};

}  // namespace

ModelOptions model_options(const Plan& plan, at::Device device) {
  return {plan.model,
          plan.config.parallel,
          plan.config.train.attention,
          plan.config.train.precision,
          static_cast<uint64_t>(plan.config.run.seed),
          plan.config.train.micro_batch,
          plan.config.train.seq_len,
          device};
}

Exit train(const Plan& plan, const Mesh& mesh, const TrainerOptions& options) { return Trainer(plan, mesh, options).run(); }

}  // namespace llmrun
