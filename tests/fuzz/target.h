#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string_view>

/// What a fuzzer calls, and replay.cpp too: reads one input as the program would read it. Returns 0. An input may be refused with the
/// exception that the reader's header names; anything else that leaves this function, or a broken promise(), ends the process.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace llmrun::fuzz {

inline std::string_view text_of(const uint8_t* data, size_t size) { return {reinterpret_cast<const char*>(data), size}; }

/// What must hold after every input that was taken.
inline void promise(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", what);
  std::abort();
}

/// For readers of files. A fresh file each time: one that is cut and written again goes to the disk before it may be closed.
inline void write_file(const std::filesystem::path& path, std::string_view bytes) {
  std::filesystem::remove(path);
  std::ofstream(path, std::ios::binary) << bytes;
}

}  // namespace llmrun::fuzz
