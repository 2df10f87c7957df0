#pragma once
#include <filesystem>
#include <string>
#include <string_view>

#include "engine/core/error.h"

namespace llmrun {

// What the system, the C++ library and LibTorch say, in our words.

/// "cannot VERB 'PATH': reason" and its hint, after a call failed with `cause` (errno).
Error system_error(Exit code, std::string_view verb, const std::filesystem::path& path, int cause);

/// What to type, or to look at, where the system refused something with `path`.
std::string system_hint(const std::filesystem::path& path, int cause);

/// Not all of what a command prints arrived: a full disk, a closed stdout.
Error stdout_error();

/// Any exception as an Error. What a file system refuses is Exit::preflight, unless it is full or broken; the rest is Exit::failed, with
/// the first line of its words (LibTorch's go on with its stack).
Error as_error(const std::exception& error);

}  // namespace llmrun
