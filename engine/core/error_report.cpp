#include "engine/core/error_report.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>

#include "engine/core/file.h"
#include "engine/core/json.h"
#include "engine/core/run_paths.h"

namespace llmrun {

void write_error_report(const std::filesystem::path& file, int64_t rank, const Error& error, const std::string& section) noexcept {
  char host[256] = "";
  gethostname(host, sizeof(host) - 1);
  std::string text;
  try {
    const json report{{"rank", rank},
                      {"host", host},
                      {"code", static_cast<int>(error.code())},
                      {"what", error.what()},
                      {"because", error.complaints().back().because},
                      {"hint", error.complaints().back().hint},
                      {"section", section},
                      {"of_another_rank", error.is_of_another_rank()},
                      {"time", std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count()}};
    text = report.dump(-1, ' ', false, json::error_handler_t::replace);
    std::filesystem::create_directories(file.parent_path());
    write_file_atomically(file, text + "\n");
  } catch (const std::exception&) {
    std::fprintf(stderr, "%s%s\n", std::string(kErrorReportMark).c_str(), text.c_str());
  }
}

}  // namespace llmrun
