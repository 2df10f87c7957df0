#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "engine/core/traffic.h"

namespace llmrun {

/// What one optimizer step tells. Bytes and seconds are rank 0's.
struct Metrics {
  int64_t step = 0;      // from 1
  double loss = 0;       // mean over the tokens of the global batch, before the update
  double grad_norm = 0;  // before clipping
  double lr = 0;
  std::optional<double> loss_scale;      // of this step; in fp16 only
  std::optional<int64_t> skipped_steps;  // likewise: since the run began, this one counted
  int64_t tokens = 0;                    // seen since the run began
  int64_t samples = 0;                   // likewise
  double tokens_per_s = 0;
  double samples_per_s = 0;
  double tflops_per_rank = 0;           // model FLOPs, attention in full
  std::optional<double> mfu;            // of the machine's peak; empty where that is not known
  double hardware_tflops_per_rank = 0;  // recompute counted
  std::optional<double> valid_loss;     // only on steps that evaluated
  double step_time_s = 0;
  double data_time_s = 0;
  double comm_time_s = 0;
  Traffic comm;
  int64_t param_bytes = 0;
  int64_t grad_bytes = 0;
  int64_t optimizer_bytes = 0;
  int64_t mem_peak_bytes = 0;
  int64_t attempt = 1;
  double time = 0;  // Unix time, seconds
};

/// Where metrics go. metrics.jsonl is the source of truth: every other sink can be made again from it.
class MetricSink {
 public:
  virtual ~MetricSink() = default;
  virtual void write(const Metrics& metrics) = 0;
};

/// One line as in metrics.jsonl, without the line end.
std::string to_json_line(const Metrics& metrics);

/// Appends to `path`, one write a line, so that a reader sees whole lines and a kill loses at most one. A torn last line of an earlier
/// attempt is ended first. Throws Error(Exit::failed) where a write fails.
std::unique_ptr<MetricSink> make_jsonl_sink(const std::filesystem::path& path);

}  // namespace llmrun
