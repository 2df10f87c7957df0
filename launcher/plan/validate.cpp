#include "launcher/plan/validate.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "engine/core/parameters.h"
#include "engine/core/sequence_slice.h"
#include "engine/core/spec/spellings.h"
#include "launcher/plan/critic.h"
#include "launcher/plan/nearest.h"
#include "launcher/plan/share_out.h"
#include "launcher/rundir/saved_environment.h"

namespace llmrun {
namespace {

std::vector<int64_t> divisors(int64_t number) {
  std::vector<int64_t> list;
  for (int64_t candidate = 1; candidate <= number; ++candidate)
    if (number % candidate == 0) list.push_back(candidate);
  return list;
}

/// "1, 2 and 4 divide 4".
std::string divisors_shown(int64_t number) {
  std::vector<int64_t> all = divisors(number);
  const int64_t last = all.back();
  all.pop_back();
  const std::string list = all.empty() ? fmt::format("only {} divides", last) : fmt::format("{} and {} divide", fmt::join(all, ", "), last);
  return fmt::format("{} {}", list, number);
}

/// "1, 2 and 4 divide 4: --set KEY=2", the largest that is not above `most`.
std::string divisors_hint(std::string_view key, int64_t number, int64_t most) {
  return fmt::format("{}: --set {}={}", divisors_shown(number), key, divisor_below(number, most));
}

std::string multiples_hint(std::string_view key, int64_t number, int64_t step) {
  const auto [below, above] = multiples_around(number, step);
  return below > 0 ? fmt::format("--set {0}={1} or --set {0}={2}", key, below, above) : fmt::format("--set {}={}", key, above);
}

void check_heads(const ModelConfig& model, Critic& critic) {
  if (!model.head_dim && model.hidden % model.heads != 0)
    critic.say(fmt::format("cannot size a head: model.heads {} does not divide model.hidden {}", model.heads, model.hidden), "model.heads",
               {"model.heads", "model.hidden"}, divisors_hint("model.heads", model.hidden, model.heads) + ", or set model.head_dim");
  if (model.kv_heads && model.heads % *model.kv_heads != 0)
    critic.say(fmt::format("cannot group queries: model.kv_heads {} does not divide model.heads {}", *model.kv_heads, model.heads),
               "model.kv_heads", {"model.kv_heads", "model.heads"}, divisors_hint("model.kv_heads", model.heads, *model.kv_heads));
}

void check_positions(const ModelShape& shape, const TrainConfig& train, Critic& critic) {
  if (shape.positions == Positions::learned && train.seq_len > shape.max_positions)
    critic.say(fmt::format("train.seq_len {} is longer than the {} learned positions of the model", train.seq_len, shape.max_positions),
               "train.seq_len", {"train.seq_len", "model.max_positions"}, fmt::format("--set train.seq_len={}", shape.max_positions));
  if (shape.positions == Positions::rotary && shape.head_dim % 2 != 0)
    critic.say(fmt::format("rotary positions turn pairs of channels, but a head has {}", shape.head_dim), "model.head_dim",
               {"model.hidden", "model.heads"}, fmt::format("--set model.head_dim={}", shape.head_dim + 1));
}

void check_tensor(const ModelShape& shape, int64_t tensor, Critic& critic) {
  if (shape.heads % tensor != 0)
    critic.say(fmt::format("cannot split attention: parallel.tensor {} does not divide model.heads {}", tensor, shape.heads), "model.heads",
               {"parallel.tensor"}, divisors_shown(shape.heads));
  if (shape.vocab < tensor)
    critic.say(fmt::format("cannot split the vocabulary: {} entries over parallel.tensor {}", shape.vocab, tensor), "model.vocab",
               {"parallel.tensor"}, "");
  if (shape.ffn < tensor)
    critic.say(fmt::format("cannot split the MLP: model.ffn {} over parallel.tensor {}", shape.ffn, tensor), "model.ffn",
               {"parallel.tensor"}, "");
}

void check_sequence(const Resolved& resolved, const ModelShape& shape, const Layout& layout, Critic& critic) {
  const TrainConfig& train = resolved.config.train;
  const int64_t heads = shape.heads / layout.tensor;  // of a tensor rank
  if (shape.heads % layout.tensor == 0 && heads % layout.sequence_size != 0)
    critic.say(fmt::format("cannot exchange heads: parallel.sequence_size {} does not divide {}", layout.sequence_size,
                           layout.tensor == 1 ? fmt::format("model.heads {}", heads)
                                              : fmt::format("the {} heads of a tensor rank ({} / {})", heads, shape.heads, layout.tensor)),
               "parallel.sequence_size", {"parallel.sequence_size", "parallel.tensor"}, divisors_shown(heads));

  const std::string longer = fmt::format("--set train.seq_len={}", good_length(resolved.config, layout));
  if (const int64_t multiple = sequence_multiple(layout); train.seq_len % multiple != 0) {
    const std::string ulysses = layout.sequence_size > 1 ? fmt::format(" and parallel.sequence_size {}", layout.sequence_size) : "";
    const std::string ring = fmt::format("parallel.context {} (two pieces a rank)", layout.context);
    critic.say(fmt::format("cannot share out the sequence: train.seq_len {} over {} is no multiple of {}", train.seq_len,
                           layout.context > 1 ? ring + ulysses : fmt::format("parallel.sequence_size {}", layout.sequence_size), multiple),
               "train.seq_len", {"train.seq_len", "parallel.context", "parallel.sequence_size"}, longer);
    return;
  }
  if (train.seq_len % length_step(resolved.config, layout) == 0) return;
  const int64_t others = layout.context * layout.sequence_size, tokens = train.micro_batch * slice_tokens(train.seq_len, layout);
  critic.say(fmt::format("cannot split the sequence: train.micro_batch {} x train.seq_len {}{} = {} tokens over parallel.tensor {}",
                         train.micro_batch, train.seq_len, others > 1 ? fmt::format(" / {}", others) : "", tokens, layout.tensor),
             "train.seq_len", {"parallel.sequence", "parallel.tensor"}, longer);
}

/// The size of an axis that only Ulysses has.
void check_ulysses(const ParallelConfig& parallel, Critic& critic) {
  if (parallel.sequence_size == 1 || parallel.sequence == SequenceParallel::ulysses) return;
  critic.say(fmt::format("parallel.sequence_size {} is of the Ulysses exchange, and parallel.sequence is {}", parallel.sequence_size,
                         spelling(parallel.sequence)),
             "parallel.sequence_size", {"parallel.sequence_size", "parallel.sequence"}, "--set parallel.sequence=ulysses");
}

void check_shards(const ParallelConfig& parallel, const Layout& layout, Critic& critic) {
  if (!parallel.shard_group) return;
  const int64_t wanted = *parallel.shard_group, all = gradient_ranks(layout);
  const bool would_divide = wanted > 1 && all % wanted == 0;
  if (parallel.zero == 0 || wanted == 1)
    critic.say(fmt::format("parallel.shard_group {} divides nothing under parallel.zero {}", wanted, parallel.zero), "parallel.shard_group",
               {"parallel.shard_group", "parallel.zero"},
               would_divide ? "--set parallel.zero=1, or leave it out: --set parallel.shard_group=auto"
                            : "leave it out: --set parallel.shard_group=auto");
  else if (!would_divide)
    critic.say(fmt::format("cannot divide shards: parallel.shard_group {} does not divide the {} ranks that share parameters (data {} x "
                           "context {} x sequence {})",
                           wanted, all, layout.data, layout.context, layout.sequence_size),
               "parallel.shard_group", {"parallel.shard_group", "parallel.data"},
               divisor_below(all, wanted) == 1 ? "leave it out: --set parallel.shard_group=auto"
                                               : divisors_hint("parallel.shard_group", all, wanted));
}

void check_offload(const ParallelConfig& parallel, Critic& critic) {
  if (!parallel.offloads(Offload::parameters)) return;
  if (parallel.zero < 3)
    critic.say(fmt::format("parameters can wait in host memory between the units' work under parallel.zero 3, not {}", parallel.zero),
               "parallel.offload", {"parallel.offload", "parallel.zero"},
               "--set parallel.zero=3, or leave parameters out of parallel.offload");
  if (!parallel.offloads(Offload::optimizer))
    critic.say("parallel.offload has the parameters in host memory, and the optimizer that makes them on the GPU", "parallel.offload",
               {"parallel.offload"}, "--set parallel.offload=[optimizer,parameters]");
}

void check_recompute(const ParallelConfig& parallel, Critic& critic) {
  if (!parallel.recompute_layers || parallel.recompute != Recompute::none) return;
  critic.say(fmt::format("parallel.recompute_layers {} are computed again, and parallel.recompute is none", *parallel.recompute_layers),
             "parallel.recompute_layers", {"parallel.recompute_layers", "parallel.recompute"},
             "--set parallel.recompute=full, or leave parallel.recompute_layers out");
}

/// Whether a stage has as many chunks as the schedule is made for.
bool check_chunks(const ParallelConfig& parallel, Critic& critic) {
  const int64_t chunks = parallel.virtual_pipeline;
  const auto complain = [&](std::string_view wants, std::string_view place, std::string_view hint) {
    critic.say(
        fmt::format("parallel.schedule {} has {} a stage, and parallel.virtual_pipeline is {}", spelling(parallel.schedule), wants, chunks),
        place, {"parallel.schedule", "parallel.virtual_pipeline"}, std::string(hint));
    return false;
  };
  constexpr std::string_view any = "parallel.schedule interleaved takes any number of chunks";
  if (parallel.schedule == Schedule::interleaved)
    return chunks > 1 || complain("several chunks", "parallel.schedule", "parallel.schedule 1f1b has one chunk a stage");
  if (parallel.schedule == Schedule::zero_bubble_v) return chunks <= 2 || complain("two chunks", "parallel.virtual_pipeline", any);
  return chunks == 1 || complain("one chunk", "parallel.virtual_pipeline", any);
}

void check_stages(const Resolved& resolved, const ModelShape& shape, const PipelinePlacement& placement, Critic& critic) {
  const ParallelConfig& parallel = resolved.config.parallel;
  const std::vector<int64_t>& split = parallel.layers_per_stage;
  const bool chunked = placement.chunks > 1;
  const std::string parts =
      chunked ? fmt::format("{} stage{} of {} chunks", placement.stages, placement.stages == 1 ? "" : "s", placement.chunks)
              : fmt::format("parallel.pipeline {}", placement.stages);
  if (split.empty() && shape.layers < placement.parts())
    critic.say(fmt::format("cannot fill the pipeline: model.layers {} over {} leaves a {} without a layer", shape.layers, parts,
                           chunked ? "chunk" : "stage"),
               "parallel.pipeline", {"parallel.pipeline", "model.layers"}, "");
  if (split.empty()) return;
  for (size_t part = 1; part + 1 < split.size(); ++part)
    if (split[part] == 0)
      critic.say(fmt::format("parallel.layers_per_stage leaves {} {} empty", chunked ? "part" : "stage", part), "parallel.layers_per_stage",
                 {}, "only the first one (embedding) and the last one (head) have something else to do");
  const int64_t sum = std::accumulate(split.begin(), split.end(), int64_t{0});
  if (std::ssize(split) != placement.parts())
    critic.say(fmt::format("parallel.layers_per_stage has {} entries for {}", split.size(), parts), "parallel.layers_per_stage",
               {"parallel.pipeline"},
               chunked ? "give one entry a chunk, in the order they run, or leave it out" : "give one entry a stage, or leave it out");
  if (sum != shape.layers)
    critic.say(fmt::format("parallel.layers_per_stage: {} = {}, but model.layers is {}", fmt::join(split, " + "), sum, shape.layers),
               "parallel.layers_per_stage", {"model.layers"}, fmt::format("make the entries sum to {}, or leave them out", shape.layers));
}

void check_recomputed_layers(const ParallelConfig& parallel, const ModelShape& shape, const PipelinePlacement& placement, Critic& critic) {
  if (!parallel.recompute_layers) return;
  const int64_t most = most_layers(shape.layers, placement, parallel.layers_per_stage);
  if (*parallel.recompute_layers <= most) return;
  critic.say(
      fmt::format("parallel.recompute_layers {} of a stage that has {} layer{}", *parallel.recompute_layers, most, most == 1 ? "" : "s"),
      "parallel.recompute_layers", {"parallel.recompute_layers", "parallel.pipeline", "model.layers"},
      fmt::format("--set parallel.recompute_layers={}, or leave it out: all layers", most));
}

void check_loss_scale(const TrainConfig& train, Critic& critic) {
  if (!train.loss_scale || train.precision == Precision::fp16) return;
  critic.say(fmt::format("train.loss_scale {} is for fp16, and train.precision is {}", *train.loss_scale, spelling(train.precision)),
             "train.loss_scale", {"train.loss_scale", "train.precision"}, "leave it out, or --set train.precision=fp16");
}

/// Flash attention on a GPU: ATen would say so too, but when the job has started.
void check_fused_heads(const Config& config, Critic& critic) {
  constexpr int64_t kWidest = 256;
  const TrainConfig& train = config.train;
  const int64_t head_dim = model_shape(config.model, train.seq_len).head_dim;
  if (head_dim <= kWidest || train.attention == AttentionKind::plain || train.precision == Precision::fp32) return;
  critic.say(fmt::format("fused attention on a GPU has no kernel for a model.head_dim of {}: {} is the most", head_dim, kWidest),
             "model.head_dim", {"model.head_dim", "model.hidden", "model.heads"}, "--set train.attention=plain");
}

void check_device(const Config& config, Device device, Critic& critic) {
  if (device == Device::cuda) check_fused_heads(config, critic);
  const AttentionKind attention = config.train.attention;
  const bool named = attention == AttentionKind::flash || attention == AttentionKind::cudnn;
  if (device == Device::cuda && named && config.train.precision == Precision::fp32)
    critic.say(fmt::format("train.attention {} has no fp32 kernel on a GPU", spelling(attention)), "train.attention",
               {"train.attention", "train.precision"},
               "--set train.attention=auto (it takes the memory-efficient kernel), or --set train.precision=bf16");
  if (attention == AttentionKind::cudnn && config.parallel.context > 1)
    critic.say(fmt::format("train.attention cudnn does not go with ring attention, and parallel.context is {}", config.parallel.context),
               "train.attention", {"train.attention", "parallel.context"}, "--set train.attention=auto");
  if (attention == AttentionKind::cudnn && config.data.document_masks)
    critic.say("train.attention cudnn does not go with data.document_masks: it would be planned anew for each document's length",
               "train.attention", {"data.document_masks", "train.attention"}, "--set train.attention=auto");
  if (device == Device::cpu && attention == AttentionKind::cudnn)
    critic.say("train.attention cudnn needs a GPU, and this run has none", "train.attention", {"train.attention"},
               "--set train.attention=auto");
  if (device == Device::cpu && config.parallel.communicator == CommunicatorKind::nccl)
    critic.say("parallel.communicator nccl needs GPUs, and this run has none", "parallel.communicator", {"parallel.communicator"},
               "--set parallel.communicator=auto");
}

/// Whether the model has every size: one may be said to be 0, or not said at all.
bool check_sizes(const Resolved& resolved, Critic& critic) {
  const ModelConfig& model = resolved.config.model;
  std::vector<std::string> missing;
  bool whole = true;
  for (const auto& [name, size] :
       {std::pair{"layers", model.layers}, {"hidden", model.hidden}, {"heads", model.heads}, {"vocab", model.vocab}}) {
    if (size != 0) continue;
    whole = false;
    const std::string key = fmt::format("model.{}", name);
    if (!resolved.is_set(key))
      missing.push_back(key);
    else
      critic.say(fmt::format("the model has no size: {} is 0", key), key, {key}, fmt::format("--set {}=N, of 1 or more", key));
  }
  if (!missing.empty())
    critic.say(fmt::format("the model has no size: {} {} not set", fmt::join(missing, ", "), missing.size() == 1 ? "is" : "are"),
               missing[0], {}, "--set model=gpt-tiny takes them from a profile ('llmrun profiles list' shows all)");
  return whole;
}

/// Model, layout and batch, without the ranks that there will be.
void check_shape_by_itself(const Resolved& resolved, std::vector<Complaint>& complaints) {
  const Config& config = resolved.config;
  const ModelConfig& model = config.model;
  const bool sized = model.layers > 0 && model.hidden > 0 && model.heads > 0 && model.vocab > 0;
  const bool shaped = sized && check_model(resolved, complaints);
  const Batch batch = lay_out(resolved, {}, shaped, complaints).batch;
  if (shaped) check_layout(resolved, std::nullopt, complaints);
  if (config.run.steps && config.run.tokens) derive_steps(resolved, batch.global * config.train.seq_len, complaints);
}

}  // namespace

void check_rope(const RopeScaling& scaling, Critic& critic) {
  if (scaling.type != RopeType::llama3 || scaling.high_freq_factor > scaling.low_freq_factor) return;
  critic.say(fmt::format("model.rope_scaling.high_freq_factor {} is not above low_freq_factor {}", scaling.high_freq_factor,
                         scaling.low_freq_factor),
             "model.rope_scaling.high_freq_factor", {"model.rope_scaling.high_freq_factor", "model.rope_scaling.low_freq_factor"},
             "Llama 3.1 has 1 and 4");
}

bool check_model(const Resolved& resolved, std::vector<Complaint>& complaints) {
  Critic critic(resolved, complaints);
  const ModelConfig& model = resolved.config.model;
  if (!check_sizes(resolved, critic)) return false;
  check_heads(model, critic);
  check_rope(model.rope_scaling, critic);
  check_positions(model_shape(model, resolved.config.train.seq_len), resolved.config.train, critic);
  return true;
}

void check_data(const Resolved& resolved, std::vector<Complaint>& complaints) {
  Critic critic(resolved, complaints);
  const DataConfig& data = resolved.config.data;
  const auto nameless = [](const DataSource& source) { return source.path.empty(); };
  if (data.train.empty() || std::any_of(data.train.begin(), data.train.end(), nameless))
    critic.say("data.train names no dataset", "data.train", {}, "--set data.train=PREFIX, of PREFIX.bin and PREFIX.idx; or leave it out");
  if (std::any_of(data.valid.begin(), data.valid.end(), nameless))
    critic.say("data.valid names no dataset", "data.valid", {}, "--set data.valid=PREFIX, of PREFIX.bin and PREFIX.idx; or leave it out");
  const bool has_share = std::any_of(data.split.begin(), data.split.end(), [](double share) { return share > 0; });
  if (!data.split.empty() && (data.split.size() > 3 || !has_share))
    critic.say("data.split needs one to three shares, not all 0: of training, validation and test", "data.split", {},
               "--set data.split=[0.95,0.05]");
}

void check_environment(const Resolved& resolved, std::vector<Complaint>& complaints) {
  Critic critic(resolved, complaints);
  for (const auto& [name, value] : resolved.config.machine.environment)
    if (speaks_of_a_secret(name))
      critic.say(fmt::format("machine.environment.{} looks like a secret, and would be written into scripts and plan.json", name),
                 "machine.environment", {}, fmt::format("export {} in the shell: ranks inherit it", name));
}

void check_layout(const Resolved& resolved, std::optional<Device> device, std::vector<Complaint>& complaints) {
  Critic critic(resolved, complaints);
  check_ulysses(resolved.config.parallel, critic);
  check_offload(resolved.config.parallel, critic);
  check_recompute(resolved.config.parallel, critic);
  check_loss_scale(resolved.config.train, critic);
  if (device) check_device(resolved.config, *device, critic);
}

void check_axes(const Resolved& resolved, const Layout& layout, std::vector<Complaint>& complaints) {
  Critic critic(resolved, complaints);
  const ModelShape shape = model_shape(resolved.config.model, resolved.config.train.seq_len);
  check_tensor(shape, layout.tensor, critic);
  check_sequence(resolved, shape, layout, critic);
  check_shards(resolved.config.parallel, layout, critic);
  if (!check_chunks(resolved.config.parallel, critic)) return;  // what follows counts them
  const PipelinePlacement placement = pipeline_placement(layout, resolved.config.parallel);
  check_stages(resolved, shape, placement, critic);
  check_recomputed_layers(resolved.config.parallel, shape, placement, critic);
}

Batch derive_batch(const Resolved& resolved, const Layout& layout, std::vector<Complaint>& complaints) {
  Critic critic(resolved, complaints);
  const TrainConfig& train = resolved.config.train;
  const int64_t once = layout.data * train.micro_batch;
  if (!train.global_batch) return {once * train.accumulate.value_or(1), train.accumulate.value_or(1)};
  const int64_t global = *train.global_batch;
  if (global % once != 0) {
    critic.say(fmt::format("cannot share out the batch: data ranks {} x train.micro_batch {} = {} does not divide train.global_batch {}",
                           layout.data, train.micro_batch, once, global),
               "train.global_batch", {"train.micro_batch", "parallel.data"},
               train.accumulate ? "" : multiples_hint("train.global_batch", global, batch_step(resolved.config, layout)));
    return {global, 1};
  }
  if (train.accumulate && *train.accumulate * once != global)
    critic.say(fmt::format("train.accumulate {} x data ranks {} x train.micro_batch {} = {}, but train.global_batch is {}",
                           *train.accumulate, layout.data, train.micro_batch, *train.accumulate * once, global),
               "train.accumulate", {"train.accumulate", "train.global_batch"},
               fmt::format("leave one of them out, or --set train.accumulate={}", global / once));
  return {global, global / once};
}

void check_schedule(const Resolved& resolved, const Layout& layout, int64_t accumulate, std::vector<Complaint>& complaints) {
  const int64_t step = micro_batch_step(resolved.config.parallel, layout);
  if (accumulate % step == 0) return;
  const std::optional<int64_t> global = resolved.config.train.global_batch;
  const std::string key = global ? "train.global_batch" : "train.accumulate";
  Critic(resolved, complaints)
      .say(fmt::format("parallel.schedule interleaved goes by {} micro-batches, as many as there are stages, and a step has {}", step,
                       accumulate),
           key, {"parallel.schedule", "parallel.pipeline", key},
           global ? multiples_hint(key, *global, batch_step(resolved.config, layout)) : multiples_hint(key, accumulate, step));
}

int64_t derive_steps(const Resolved& resolved, int64_t tokens_per_step, std::vector<Complaint>& complaints) {
  Critic critic(resolved, complaints);
  const RunConfig& run = resolved.config.run;
  if (run.steps && run.tokens)
    critic.say("run.steps and run.tokens both say when the run is done", "run.steps", {"run.steps", "run.tokens"}, "leave one of them out");
  if (!run.steps && !run.tokens)
    critic.say("nothing says when the run is done", "run.steps", {}, "--set run.steps=100, or --set run.tokens=1B");
  if (run.steps) return *run.steps;
  return run.tokens ? (*run.tokens + tokens_per_step - 1) / tokens_per_step : 0;
}

void check_by_itself(const Resolved& resolved, std::vector<Complaint>& complaints) {
  if (resolved.was_read({"model", "parallel", "train", "run"})) check_shape_by_itself(resolved, complaints);
  check_environment(resolved, complaints);
  check_data(resolved, complaints);
}

}  // namespace llmrun
