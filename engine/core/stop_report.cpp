#include "engine/core/stop_report.h"

#include <fstream>

#include "engine/core/file.h"

namespace llmrun {

void write_stop_report(const std::filesystem::path& file, Exit code) noexcept try {
  write_file_atomically(file, fmt::format("{}\n", static_cast<int>(code)));
} catch (const std::exception&) {
}

std::optional<int> read_stop_report(const std::filesystem::path& file) {
  std::ifstream in(file);
  int code = 0;
  return in >> code ? std::optional(code) : std::nullopt;
}

}  // namespace llmrun
