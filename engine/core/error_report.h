#pragma once
#include <filesystem>
#include <string>

#include "engine/core/error.h"

namespace llmrun {

/// How a rank's last word is told, for the launcher to show: {rank, host, code, what, because, hint, section,
/// of_another_rank, time}
/// (RunPaths::rank_error); on stderr, behind kErrorReportMark, where the file cannot be written. Never throws: a rank that fails must
/// still end.
void write_error_report(const std::filesystem::path& file, int64_t rank, const Error& error, const std::string& section) noexcept;

}  // namespace llmrun
