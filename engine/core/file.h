#pragma once
#include <filesystem>
#include <string>
#include <string_view>

#include "engine/core/error.h"

namespace llmrun {

// Small files, whole. Every failure is an Error that names the path and says what the system said.

/// Throws Error(code) when the file cannot be read.
std::string read_file(const std::filesystem::path& path, Exit code = Exit::failed);

/// Readers see the old content or the new one, never a part, whatever happens in between: a temporary file beside `path` is written,
/// synced, renamed over it, and the directory synced. The temporary file is gone when this throws.
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

/// Appends `line` and a newline in one write (O_APPEND), so that lines of several writers do not mix; on a line of its own, whatever a
/// writer that was killed left there. Creates the file.
void append_line(const std::filesystem::path& path, std::string_view line);

/// Takes away what stands behind the last newline of an open file: its last writer was killed, or the disk was full. For a file that nobody
/// else appends to.
void cut_torn_line(int descriptor);

}  // namespace llmrun
