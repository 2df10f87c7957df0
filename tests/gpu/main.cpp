#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>
#include <vector>

#include "engine/comm/gpu.h"
#include "engine/rank/device.h"

namespace {

std::string why_no_gpu;

/// Where no GPU answers nothing is run: one line says how many cases that were, and why. ctest reads it and shows "Skipped".
struct SkippedReporter final : doctest::IReporter {
  explicit SkippedReporter(const doctest::ContextOptions&) {}
  void report_query(const doctest::QueryData& query) override {
    if (query.run_stats == nullptr) return;  // --help
    fmt::print("test_gpu: {} cases skipped: {}\n", query.run_stats->numTestCasesPassingFilters, why_no_gpu);
  }
  void test_run_start() override {}
  void test_run_end(const doctest::TestRunStats&) override {}
  void test_case_start(const doctest::TestCaseData&) override {}
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_end(const doctest::CurrentTestCaseStats&) override {}
  void test_case_exception(const doctest::TestCaseException&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData&) override {}
  void log_message(const doctest::MessageData&) override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}
};
REGISTER_REPORTER("skipped", 1, SkippedReporter);

}  // namespace

int main(int argc, char** argv) {
  std::vector<const char*> arguments(argv, argv + argc);
  why_no_gpu = llmrun::visible_gpus().why_none;
  if (!why_no_gpu.empty()) {
    arguments.insert(arguments.end(), {"--count", "--reporters=skipped"});
    return doctest::Context(static_cast<int>(arguments.size()), arguments.data()).run();
  }
  llmrun::prepare_device({.device = llmrun::Device::cuda}, 0);
  const int code = doctest::Context(argc, argv).run();
  // LibTorch's CUDA half and the driver are torn down in an order that nobody promises: leave before they are.
  std::fflush(nullptr);
  std::_Exit(code);
}
