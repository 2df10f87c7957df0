#pragma once
#include <memory>
#include <string>
#include <vector>

#include "engine/core/dataset/tokenizer.h"

namespace llmrun {

/// What llmrun_sentencepiece.so offers under the one symbol `llmrun_sentencepiece`. It is loaded when a SentencePiece tokenizer is first
/// asked for, so that both executables start, and run with other tokenizers, where the library is not installed.
/// Failures come back as text: the caller knows what the user asked for.
struct SentencePieceModule {
  std::unique_ptr<Tokenizer> (*open)(const std::string& model_path, std::string& error);  // nullptr: see error
  bool (*train)(const std::vector<std::string>& lines, int64_t vocab, std::string& model, std::string& error);
};

}  // namespace llmrun
