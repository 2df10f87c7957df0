#include "engine/observe/metric_sink.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>

#include "engine/core/error.h"
#include "engine/core/file.h"
#include "engine/core/json.h"

namespace llmrun {
namespace {

/// JSON has no NaN: what is not a number is null.
json number(double value) { return std::isfinite(value) ? json(value) : json(nullptr); }

class JsonlSink : public MetricSink {
 public:
  explicit JsonlSink(const std::filesystem::path& path) : path_(path) {
    descriptor_ = ::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (descriptor_ < 0) fail("open");
    cut_torn_line(descriptor_);
  }
  ~JsonlSink() override { ::close(descriptor_); }

  void write(const Metrics& metrics) override { append(to_json_line(metrics) + "\n"); }

 private:
  void append(const std::string& text) {
    const ssize_t written = ::write(descriptor_, text.data(), text.size());
    if (written == static_cast<ssize_t>(text.size())) return;
    if (written >= 0) errno = ENOSPC;  // what a short write to a file means
    fail("write");
  }
  [[noreturn]] void fail(const char* what) const {
    throw Error(Exit::failed, "cannot {} '{}': {}", what, path_.string(), std::strerror(errno))
        .hint("df -h {}", path_.parent_path().string());
  }
  std::filesystem::path path_;
  int descriptor_;
};

}  // namespace

std::string to_json_line(const Metrics& metrics) {
  json line{{"step", metrics.step},
            {"loss", number(metrics.loss)},
            {"grad_norm", number(metrics.grad_norm)},
            {"lr", metrics.lr},
            {"tokens", metrics.tokens},
            {"samples", metrics.samples},
            {"tokens_per_s", metrics.tokens_per_s},
            {"samples_per_s", metrics.samples_per_s},
            {"tflops_per_rank", metrics.tflops_per_rank},
            {"mfu", metrics.mfu ? number(*metrics.mfu) : json(nullptr)},
            {"hardware_tflops_per_rank", metrics.hardware_tflops_per_rank}};
  if (metrics.loss_scale) line["loss_scale"] = *metrics.loss_scale;
  if (metrics.skipped_steps) line["skipped_steps"] = *metrics.skipped_steps;
  if (metrics.valid_loss) line["valid_loss"] = number(*metrics.valid_loss);
  line["step_time_s"] = metrics.step_time_s;
  line["data_time_s"] = metrics.data_time_s;
  line["comm_time_s"] = metrics.comm_time_s;
  for (int i = 0; i < kPurposes; ++i) line["comm_bytes"][std::string(kPurposeNames[i])] = metrics.comm.cells[i].bytes();
  line["param_bytes"] = metrics.param_bytes;
  line["grad_bytes"] = metrics.grad_bytes;
  line["optimizer_bytes"] = metrics.optimizer_bytes;
  line["mem_peak_bytes"] = metrics.mem_peak_bytes;
  line["attempt"] = metrics.attempt;
  line["time"] = metrics.time;
  return line.dump();
}

std::unique_ptr<MetricSink> make_jsonl_sink(const std::filesystem::path& path) { return std::make_unique<JsonlSink>(path); }

}  // namespace llmrun
