#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace llmrun {

// The whole configuration of a run, typed: what the YAML layers resolve to, what config.yaml shows and plan.json carries.
// fields.h holds one row for every member below; nothing else knows their names. An optional that is empty means "not set:
// derive it", and resolve() (launcher/plan) says from what.

enum class Family { gpt, llama, neox };
enum class Positions { learned, rotary };
enum class Norm { layernorm, rmsnorm };
enum class Activation { gelu_tanh, swiglu };
enum class SequenceParallel { none, megatron, ulysses };
enum class Recompute { none, selective, full };
enum class Schedule { gpipe, one_f_one_b, interleaved, zero_bubble, zero_bubble_v };  // "1f1b" in YAML
enum class CommunicatorKind { automatic, nccl, mpi, tcp, thread };                    // "auto" in YAML
enum class Offload { optimizer, parameters, activations };
enum class Precision { fp32, bf16, fp16, fp8 };
enum class AttentionKind { automatic, flash, cudnn, plain };  // "auto" in YAML
enum class Objective { pretrain, sft, dpo };
enum class LrSchedule { cosine, linear, constant, wsd };
enum class RopeType { standard, linear, llama3 };  // "default" in YAML, as Hugging Face says
enum class DataOrder { shuffled, sequential };

struct RunConfig {
  std::string name;  // empty: the ALCF form
  std::string dir;   // empty: outputs/NAME under the current directory
  int64_t seed = 1;
  std::optional<int64_t> steps;
  std::optional<int64_t> tokens;  // steps = ceil(tokens / tokens of a global batch)
  bool until_done = false;
};

/// Rotary angles of a model whose sequences grew after it was first trained (Hugging Face's rope_scaling).
struct RopeScaling {
  RopeType type = RopeType::standard;
  double factor = 1;                  // linear: all frequencies are divided by it; llama3: the slow ones
  double low_freq_factor = 1;         // llama3: slow is a wavelength above original_positions / this,
  double high_freq_factor = 4;        // fast, and left alone, one below original_positions / this; between them the two are blended
  int64_t original_positions = 8192;  // of the first training
  friend bool operator==(const RopeScaling&, const RopeScaling&) = default;
};

/// The shape of a model, and where its weights come from. Sizes are those of the whole model, never of one rank.
struct ModelConfig {
  std::string profile;  // the profile it was taken from; empty for a model written out by hand
  Family family = Family::gpt;
  int64_t layers = 0;
  int64_t hidden = 0;
  int64_t heads = 0;
  std::optional<int64_t> kv_heads;  // heads
  std::optional<int64_t> ffn;       // 4 x hidden
  int64_t vocab = 0;
  std::optional<int64_t> max_positions;  // train.seq_len
  std::optional<Positions> positions;    // gpt: learned, llama: rotary
  double rope_theta = 10000.0;
  RopeScaling rope_scaling;
  std::optional<Norm> norm;  // gpt: layernorm, llama: rmsnorm
  double norm_eps = 1e-5;
  std::optional<Activation> activation;  // gpt: gelu_tanh, llama: swiglu
  std::optional<int64_t> head_dim;       // hidden / heads
  double init_std = 0.02;
  std::optional<bool> tie_embeddings;  // gpt: true, llama: false
  double dropout = 0.0;
  int64_t experts = 0;
  int64_t experts_per_token = 0;
  std::string from;  // a Hugging Face directory: config.json gives the shape, *.safetensors the weights
};

struct ParallelConfig {
  int64_t tensor = 1;
  int64_t pipeline = 1;
  int64_t virtual_pipeline = 1;
  std::vector<int64_t> layers_per_stage;  // empty: as even as can be, the first stages get one more
  int64_t context = 1;
  SequenceParallel sequence = SequenceParallel::none;
  int64_t sequence_size = 1;
  std::optional<int64_t> data;  // "auto": what the ranks leave
  int64_t zero = 0;
  std::optional<int64_t> shard_group;
  int64_t expert = 1;
  std::vector<Offload> offload;
  Recompute recompute = Recompute::none;
  std::optional<int64_t> recompute_layers;
  Schedule schedule = Schedule::one_f_one_b;
  CommunicatorKind communicator = CommunicatorKind::automatic;
  std::optional<int64_t> threads;  // CPU threads a rank; cores / ranks on the node
  bool check_collectives = false;

  bool offloads(Offload what) const { return std::find(offload.begin(), offload.end(), what) != offload.end(); }
};

struct TrainConfig {
  int64_t seq_len = 1024;
  int64_t micro_batch = 1;
  std::optional<int64_t> global_batch;  // data ranks x micro_batch x accumulate
  std::optional<int64_t> accumulate;    // 1
  Precision precision = Precision::bf16;
  std::optional<double> loss_scale;
  AttentionKind attention = AttentionKind::automatic;
  double clip_grad = 1.0;  // 0: off
  Objective objective = Objective::pretrain;
  bool deterministic = false;
};

struct OptimizerConfig {
  double lr = 3e-4;
  std::optional<double> min_lr;  // lr / 10
  LrSchedule schedule = LrSchedule::cosine;
  int64_t warmup_steps = 0;
  std::array<double, 2> betas{0.9, 0.95};
  double eps = 1e-8;
  double weight_decay = 0.1;
};

struct DataSource {
  std::string path;  // PREFIX of PREFIX.bin and PREFIX.idx, or "synthetic"
  double weight = 1.0;
  friend bool operator==(const DataSource&, const DataSource&) = default;
};

struct DataConfig {
  std::vector<DataSource> train{{"synthetic", 1.0}};
  std::vector<DataSource> valid;
  std::string tokenizer;  // "bytes", "spm:MODEL"; empty: what the dataset says
  DataOrder order = DataOrder::shuffled;
  std::vector<double> split;  // shares of train, valid, test; empty: all is train
  bool document_masks = false;
};

struct CheckpointConfig {
  int64_t every_steps = 0;  // 0: only at the end
  double every_minutes = 0;
  int64_t keep = 2;
  bool async = false;
  std::string resume = "auto";  // auto, never, or a path
};

struct ObserveConfig {
  int64_t every_steps = 1;
  int64_t eval_every = 0;
  int64_t eval_samples = 1024;  // 0: all
  bool tensorboard = false;
  std::string wandb;
  std::string mlflow;
  bool profile = false;
};

struct QueueLimits {
  std::string name;
  std::array<int64_t, 2> nodes{1, 1};
  std::array<int64_t, 2> walltime_s{0, 0};
  std::string via;            // the routing queue that alone leads here; empty: jobs are submitted to it
  int64_t jobs_of_user = 0;   // queued and running, at most; 0: no limit
  std::vector<int64_t> gpus;  // of a queue whose jobs share a node and ask for GPUs: how many they may; empty: a job has whole nodes
  int64_t array_at_once = 0;  // members of an array that wait to start and run together, at most; 0: no limit
};

struct NodeConfig {
  std::optional<int64_t> gpus;
  std::optional<int64_t> gpu_memory_bytes;
  std::optional<int64_t> cores;
  std::string accelerator;      // cuda, xpu, rocm; empty: cuda where there are GPUs
  std::string affinity;         // none, linear, reversed
  double peak_tflops_fp32 = 0;  // 0: not known, then MFU is null
  double peak_tflops_bf16 = 0;
  double peak_tflops_fp16 = 0;
  double peak_tflops_fp8 = 0;
};

struct MachineConfig {
  std::string profile;
  std::vector<std::string> hosts;  // host name patterns
  NodeConfig node;
  std::string scheduler = "local";  // pbs, slurm, local
  std::vector<QueueLimits> queues;
  std::string default_queue;                  // where a job goes that names none
  std::string queue_option = "partition";     // what a queue is called in a Slurm script: partition or qos
  std::string select;                         // what a job script asks of each node: PBS "system=polaris", Slurm's --constraint
  std::string launcher;                       // openmpi, prrte, pals, hydra, srun, local; empty: what is installed
  std::vector<std::string> launcher_options;  // handed to the launcher as they are, each one word
  std::string pmi;                            // how the launcher tells ranks who they are: pmix, cray, pmi2, none; empty: its own default
  std::string cpu_bind;                       // none, depth, list:...
  int64_t depth = 0;
  std::vector<std::string> modules;  // loaded by a job script before anything runs
  std::vector<std::string> filesystems;
  std::vector<std::pair<std::string, std::string>> environment;  // exported before the launch, in this order
};

struct JobConfig {
  std::optional<int64_t> nodes;
  std::optional<int64_t> ranks_per_node;
  std::string queue;
  std::string account;
  std::optional<int64_t> walltime_s;
  std::optional<int64_t> margin_s;  // auto: margin()
  std::vector<std::string> filesystems;
  std::vector<std::string> depends;  // "afterok:RUN-OR-ID"; a bare RUN means afterok
  std::string array;                 // of a sweep: "0-3", "0-7%2"; empty: every member at once
  int64_t chain = 0;                 // further jobs, at most, when a walltime ends one

  /// Seconds before the walltime: five minutes, and of a short job a tenth, where nobody says.
  int64_t margin() const { return margin_s.value_or(std::min<int64_t>(300, walltime_s.value_or(3000) / 10)); }
};

struct Config {
  RunConfig run;
  ModelConfig model;
  ParallelConfig parallel;
  TrainConfig train;
  OptimizerConfig optimizer;
  DataConfig data;
  CheckpointConfig checkpoint;
  ObserveConfig observe;
  MachineConfig machine;
  JobConfig job;
};

}  // namespace llmrun
