#include <algorithm>

#include "engine/core/spec/fields.h"

namespace llmrun {
namespace {

template <typename T>
inline constexpr bool kIsList = false;
template <typename T>
inline constexpr bool kIsList<std::vector<T>> = true;
template <typename T, size_t n>
inline constexpr bool kIsList<std::array<T, n>> = true;
template <>
inline constexpr bool kIsList<std::vector<QueueLimits>> = false;  // these two are maps
template <>
inline constexpr bool kIsList<std::vector<std::pair<std::string, std::string>>> = false;

/// A row whose type is that of the member `Member{}(config)`.
template <typename Member>
Field row(std::string_view path, Member, std::string_view help) {
  using T = std::remove_reference_t<std::invoke_result_t<Member, Config&>>;
  Field field{.path = path, .help = help, .is_list = kIsList<T>};
  field.decode = [](const Value& value, const Rules& rules, Config& config) { decode(value, rules, Member{}(config)); };
  field.encode = [](const Config& config, const Rules& rules) -> json { return encode(Member{}(const_cast<Config&>(config)), rules); };
  field.schema = [](const Rules& rules) -> json { return schema(static_cast<const T*>(nullptr), rules); };
  return field;
}

// KEY: the key is spelled as the member is. KEY_AS: it is not (units in the member's name, `node.peak_tflops.bf16`).
// clang-format off
#define KEY_AS(path, member, help) row(path, [](Config& c) -> auto& { return c.member; }, help)
// clang-format on
#define KEY(member, help) KEY_AS(#member, member, help)

// The largest sizes keep products of a few of them inside 63 bits.
constexpr double kManyRanks = 1 << 20;
constexpr double kManyTokens = 1 << 24;

std::vector<Field> table() {
  return {
      KEY(run.name, "name of the run; empty: made from model and layout, as the ALCF scripts do").flag("--name", "NAME"),
      KEY(run.dir, "the run's own directory; empty: outputs/NAME").file_path({""}),
      KEY(run.seed, "seed of weights, sample order and dropout").at_least(0),
      KEY(run.steps, "optimizer steps to train").range(0, 1e9).flag("--steps", "N"),
      KEY(run.tokens, "tokens to train, instead of steps").unit(Measure::count).at_least(1),
      KEY(run.until_done, "queue the next attempt until the last step is done"),

      KEY(model.profile, "the model profile these sizes come from"),
      KEY(model.family, "architecture: GPT-2 or Llama form").only({"llama"}, "the {} family"),
      KEY(model.layers, "transformer layers").range(0, 1e5),
      KEY(model.hidden, "width of the residual stream").range(0, 1e6),
      KEY(model.heads, "attention heads").range(0, 1e5),
      KEY(model.kv_heads, "key and value heads (grouped queries); auto: heads").range(1, 1e5),
      KEY(model.ffn, "width inside the MLP; auto: 4 x hidden").range(1, 1e7),
      KEY(model.vocab, "entries of the vocabulary, before padding").range(0, 1e7),
      KEY(model.max_positions, "longest sequence the model knows; auto: train.seq_len").range(1, kManyTokens),
      KEY(model.positions, "position embeddings; auto: gpt learned, llama rotary"),
      KEY(model.rope_theta, "base of the rotary angles").above(0),
      KEY(model.rope_scaling.type, "how the angles are stretched for longer sequences: default (not at all), linear, llama3"),
      KEY(model.rope_scaling.factor, "how far they are stretched").at_least(1),
      KEY(model.rope_scaling.low_freq_factor, "llama3: wavelengths above original_positions / this are stretched in full").above(0),
      KEY(model.rope_scaling.high_freq_factor, "llama3: those below original_positions / this are not").above(0),
      KEY(model.rope_scaling.original_positions, "llama3: longest sequence of the first training").range(1, kManyTokens),
      KEY(model.norm, "auto: gpt layernorm, llama rmsnorm"),
      KEY(model.norm_eps, "added to the variance in norms").above(0),
      KEY(model.activation, "auto: gpt gelu_tanh, llama swiglu"),
      KEY(model.head_dim, "width of one head; auto: hidden / heads").range(1, 1e5),
      KEY(model.init_std, "standard deviation of the initial weights").at_least(0),
      KEY(model.tie_embeddings, "the output layer shares the embedding's weights; auto: gpt true, llama false"),
      KEY(model.dropout, "of embeddings and residuals").range(0, 0.999),
      KEY(model.experts, "experts a layer; 0: dense").range(0, 1e5).only({}, "a mixture of experts"),
      KEY(model.experts_per_token, "experts each token visits").range(0, 1e5).only({}, "a mixture of experts"),
      KEY(model.from, "a Hugging Face directory: config.json gives the shape, *.safetensors the weights").file_path({""}),

      KEY(parallel.tensor, "ranks that share each layer's matrices").range(1, kManyRanks).env({"MPSIZE"}),
      KEY(parallel.pipeline, "pipeline stages").range(1, kManyRanks).env({"PPSIZE"}),
      KEY(parallel.virtual_pipeline, "chunks of layers a stage").range(1, 1e5),
      KEY(parallel.layers_per_stage, "layers of each stage; empty: even, the first stages get one more").range(0, 1e5),
      KEY(parallel.context, "ranks that share a sequence by ring attention").range(1, kManyRanks),
      KEY(parallel.sequence, "how tokens are split: megatron slices norms and dropout over tensor; ulysses exchanges heads for tokens"),
      KEY(parallel.sequence_size, "ranks of the Ulysses exchange").range(1, kManyRanks).env({"SPSIZE"}),
      KEY(parallel.data, "data-parallel ranks; auto: what the other axes leave").range(1, kManyRanks),
      KEY(parallel.zero, "ZeRO stage: what is sharded over the data ranks").range(0, 3).env({"ZERO_STAGE"}),
      KEY(parallel.shard_group, "ranks that ZeRO's shards are divided over, those of a node at best; auto: all that share parameters")
          .range(1, kManyRanks),
      KEY(parallel.expert, "ranks that share the experts, inside data").range(1, kManyRanks).only({}, "expert parallelism"),
      KEY(parallel.offload, "what lives in host memory: a list of optimizer, activations and, with the optimizer and zero 3, parameters"),
      KEY(parallel.recompute, "what the backward pass computes again instead of keeping it"),
      KEY(parallel.recompute_layers, "layers a stage that are computed again, spread evenly; auto: all").range(0, 1e5),
      KEY(parallel.schedule, "order of the pipeline's work"),
      KEY(parallel.communicator, "what carries the collectives; auto: nccl on GPUs, mpi or tcp on CPUs; thread: all ranks in one process"),
      KEY(parallel.check_collectives, "debugging: ranks compare each collective before it runs, and name one that differs"),
      KEY(parallel.threads, "CPU threads a rank; auto: the node's cores shared out").range(1, 4096),

      KEY(train.seq_len, "tokens of a sequence; auto: 1024, or model.max_positions where that is less")
          .range(1, kManyTokens)
          .env({"SEQ_LEN"})
          .automatic(),
      KEY(train.micro_batch, "sequences of one forward pass on a data rank").range(1, 65536).env({"MICRO_BATCH"}),
      KEY(train.global_batch, "sequences of an optimizer step; auto: data ranks x micro_batch x accumulate").range(1, kManyTokens),
      KEY(train.accumulate, "micro batches of an optimizer step on a data rank; auto: 1, or what global_batch asks")
          .range(1, kManyTokens)
          .env({"GAS"}),
      KEY(train.precision, "of activations and matrix products; weights keep fp32 masters").only({"fp32", "fp16"}, "{} precision"),
      KEY(train.loss_scale, "fixed loss scale for fp16; auto: dynamic").above(0),
      KEY(train.attention, "kernel; auto: the fused one for this device; plain: the reference"),
      KEY(train.clip_grad, "largest global gradient norm; 0: no clipping").at_least(0),
      KEY(train.objective, "what is learned").only({}, "the {} objective"),
      KEY(train.deterministic, "only operations that give equal bits on equal input"),

      KEY(optimizer.lr, "peak learning rate").at_least(0),
      KEY(optimizer.min_lr, "learning rate at the end; auto: lr / 10").at_least(0),
      KEY(optimizer.schedule, "form of the decay").only({"linear", "constant"}, "the {} schedule"),
      KEY(optimizer.warmup_steps, "steps of linear warm-up").range(0, 1e9),
      KEY(optimizer.betas, "AdamW's two decay rates").range(0, 0.9999999),
      KEY(optimizer.eps, "added to AdamW's denominator").above(0),
      KEY(optimizer.weight_decay, "of tensors with two or more dims").at_least(0),

      KEY(data.train, "synthetic, a PREFIX of PREFIX.bin and PREFIX.idx, or a list of {path, weight}").file_path({"synthetic"}),
      KEY(data.valid, "as data.train, for evaluation").file_path({"synthetic"}),
      KEY(data.tokenizer, "bytes or spm:MODEL; empty: what the dataset says").file_path({"", "bytes"}),
      KEY(data.order, "of the samples"),
      KEY(data.split, "shares of train, valid and test; empty: all is train").at_least(0),
      KEY(data.document_masks, "attention, positions and loss stop at the end of a document"),

      KEY(checkpoint.every_steps, "0: only at the end").range(0, 1e9),
      KEY(checkpoint.every_minutes, "0: never by time").at_least(0),
      KEY(checkpoint.keep, "newest checkpoints kept").range(1, 1e6),
      KEY(checkpoint.async, "write while training goes on").only({}, "an asynchronous checkpoint"),
      KEY(checkpoint.resume, "auto: from the newest checkpoint; never; or the path of one").file_path({"auto", "never"}),

      KEY(observe.every_steps, "steps between two console lines").range(1, 1e9),
      KEY(observe.eval_every, "steps between two evaluations; 0: only at the end").range(0, 1e9),
      KEY(observe.eval_samples, "sequences of an evaluation, at most; 0: all there are").range(0, 1e9),
      KEY(observe.tensorboard, "write event files").only({}, "TensorBoard output"),
      KEY(observe.wandb, "project, offline or off").only({}, "Weights & Biases output"),
      KEY(observe.mlflow, "tracking address").only({}, "MLflow output"),
      KEY(observe.profile,
          "each rank draws the third step of an attempt, or the last of fewer, into logs/attempt-NN/rank-NNNNN.trace.json"),

      KEY(machine.profile, "the machine profile these facts come from"),
      KEY(machine.hosts, "host name patterns that choose this profile"),
      KEY(machine.node.gpus, "GPUs a node; auto: look").range(0, 1024),
      KEY_AS("machine.node.gpu_memory", machine.node.gpu_memory_bytes, "memory of one GPU; auto: look").unit(Measure::bytes).at_least(0),
      KEY(machine.node.cores, "physical cores a node; auto: look").range(1, 65536),
      KEY(machine.node.accelerator, "what the GPUs speak: cuda, xpu, rocm; empty: cuda").one_of({"", "cuda", "xpu", "rocm"}),
      KEY(machine.node.affinity, "which GPU a local rank gets: none, linear, reversed").one_of({"", "none", "linear", "reversed"}),
      KEY_AS("machine.node.peak_tflops.fp32", machine.node.peak_tflops_fp32, "peak of one GPU; 0: not known, no MFU").at_least(0),
      KEY_AS("machine.node.peak_tflops.bf16", machine.node.peak_tflops_bf16, "peak of one GPU, dense").at_least(0),
      KEY_AS("machine.node.peak_tflops.fp16", machine.node.peak_tflops_fp16, "peak of one GPU, dense").at_least(0),
      KEY_AS("machine.node.peak_tflops.fp8", machine.node.peak_tflops_fp8, "peak of one GPU, dense").at_least(0),
      KEY(machine.scheduler, "pbs, slurm, or local for none").one_of({"pbs", "slurm", "local"}),
      KEY(machine.queues,
          "limits of each queue: {NAME: {nodes: [LEAST, MOST], walltime: [LEAST, MOST], via: ROUTING-QUEUE, jobs_of_user: N, "
          "array_at_once: N, gpus: [N, ...]}}"),
      KEY(machine.default_queue, "where a job goes that names no queue"),
      KEY(machine.queue_option, "what a queue is in a Slurm script: partition or qos").one_of({"partition", "qos"}),
      KEY(machine.select, "what a job asks of each node: PBS resources such as system=polaris, or a Slurm constraint"),
      KEY(machine.launcher, "openmpi, prrte, pals, hydra, srun or local; empty: what is installed")
          .one_of({"", "openmpi", "prrte", "pals", "hydra", "srun", "local"}),
      KEY(machine.launcher_options, "further words for the launcher, as they are"),
      KEY(machine.pmi, "how ranks learn who they are: pmix, cray, pmi2 or none; empty: the launcher's default")
          .one_of({"", "pmix", "cray", "pmi2", "none"}),
      KEY(machine.cpu_bind, "how PALS and srun bind ranks: none, depth, or list:...; the others leave them unbound"),
      KEY(machine.depth, "CPUs a rank where cpu_bind is depth").range(0, 65536),
      KEY(machine.modules, "environment modules that a job loads first"),
      KEY(machine.filesystems, "file systems a job asks for where job.filesystems is empty"),
      KEY(machine.environment, "variables exported before the launch"),

      KEY(job.nodes, "nodes to ask for").range(1, 1e6).flag("--nodes", "N"),
      KEY(job.ranks_per_node, "auto: one a GPU").range(1, 4096),
      KEY(job.queue, "queue or partition").flag("-q,--queue", "QUEUE"),
      KEY(job.account, "project that pays; there is no default").flag("-A,--account", "PROJECT"),
      KEY_AS("job.walltime", job.walltime_s, "time to ask for").unit(Measure::seconds).at_least(1).flag("-t,--walltime", "TIME"),
      KEY_AS("job.margin", job.margin_s,
             "how long before the walltime the run stops and saves; auto: 00:05:00, or a tenth of a short walltime")
          .unit(Measure::seconds)
          .at_least(0),
      KEY(job.filesystems, "file systems the job needs"),
      KEY(job.depends, "jobs that must end first: afterok:RUN, afterany:ID; a bare RUN means afterok"),
      KEY(job.array, "which members of a sweep to queue, and how many at once: 0-7%2"),
      KEY(job.chain, "further jobs to queue, at most, when the walltime ends one").range(0, 1e6),
  };
}

#undef KEY
#undef KEY_AS

}  // namespace

std::span<const Field> fields() {
  static const std::vector<Field> rows = table();
  return rows;
}

}  // namespace llmrun
