#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>

#include "engine/checkpoint/reader.h"
#include "engine/checkpoint/storage.h"

namespace llmrun {

enum class ExportDtype { fp32, bf16 };

struct ExportOptions {
  ExportDtype dtype = ExportDtype::fp32;
  int64_t file_bytes = 5'000'000'000;  // of tensors in one file: what Hugging Face splits at
};

struct ExportReport {
  int64_t tensors = 0;
  int64_t parameters = 0;
  int64_t files = 0;
  int64_t bytes = 0;  // of tensors
};

/// Writes the weights as transformers reads them: config.json, and model.safetensors or, above `file_bytes`,
/// model-00001-of-0000N.safetensors with an index; Hugging Face's names, order and orientation. One tensor is in memory at a time.
/// Everything is written beside `to` under a temporary name and renamed; `to` must be absent or an empty directory (else
/// Error(Exit::usage)). `progress` hears bytes of tensors.
ExportReport export_huggingface(const CheckpointReader& from, const std::filesystem::path& to, const ExportOptions& options,
                                const std::function<void(int64_t done, int64_t total)>& progress, Storage& storage = disk());

}  // namespace llmrun
