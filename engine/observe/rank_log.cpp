#include "engine/observe/rank_log.h"

#include <fmt/format.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <cstdio>
#include <mutex>
#include <vector>

namespace llmrun {
namespace {

class LazyFileSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit LazyFileSink(std::filesystem::path path) : path_(std::move(path)) {}
  ~LazyFileSink() override {
    if (file_ != nullptr) std::fclose(file_);
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    if (file_ == nullptr && !refused_) open();
    if (file_ == nullptr) return;
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    std::fwrite(line.data(), 1, line.size(), file_);
    std::fflush(file_);
  }
  void flush_() override {}

 private:
  void open() {
    std::error_code ignored;  // fopen says what is wrong
    std::filesystem::create_directories(path_.parent_path(), ignored);
    file_ = std::fopen(path_.c_str(), "ae");
    refused_ = file_ == nullptr;
    if (refused_) std::perror(path_.c_str());
  }
  std::filesystem::path path_;
  std::FILE* file_ = nullptr;
  bool refused_ = false;
};

}  // namespace

std::shared_ptr<spdlog::logger> make_rank_log(const std::filesystem::path& file, int64_t rank) {
  std::vector<spdlog::sink_ptr> sinks{std::make_shared<LazyFileSink>(file)};
  if (rank == 0) sinks.push_back(std::make_shared<spdlog::sinks::stdout_sink_mt>());
  auto log = std::make_shared<spdlog::logger>(fmt::format("rank {}", rank), sinks.begin(), sinks.end());
  log->set_pattern("%Y-%m-%d %H:%M:%S.%e [%n] %^%l%$ %v");
  log->flush_on(spdlog::level::info);
  return log;
}

}  // namespace llmrun
