#include "engine/core/dataset/tokenizer.h"

#include <dlfcn.h>

#include <filesystem>
#include <utility>

#include "engine/core/dataset/sentencepiece_module.h"
#include "engine/core/error.h"

namespace llmrun {
namespace {

class ByteTokenizer : public Tokenizer {
 public:
  std::string name() const override { return "bytes"; }
  int64_t vocab() const override { return 256; }
  std::optional<int64_t> document_end() const override { return std::nullopt; }

  void encode(std::string_view text, std::vector<int32_t>& ids) const override {
    const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
    ids.insert(ids.end(), bytes, bytes + text.size());
  }

  std::string decode(std::span<const int64_t> ids) const override {
    std::string text;
    for (const int64_t id : ids) {
      if (id >= 0 && id < 256) {
        text += static_cast<char>(id);
      } else {
        text += "\uFFFD";
      }
    }
    return text;
  }
};

/// The module stands beside the executable, in its build tree or installed; no search path is asked, so no stranger's library is loaded.
const SentencePieceModule& sentencepiece() {
  const std::filesystem::path bin = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  std::string reasons;
  for (const char* folder : {"../lib/llmrun", "../lib", "."}) {
    const std::filesystem::path path = bin / folder / "llmrun_sentencepiece.so";
    if (!std::filesystem::exists(path)) continue;
    if (void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {  // never closed: tokenizers point into it
      if (void* symbol = ::dlsym(library, "llmrun_sentencepiece")) return *static_cast<const SentencePieceModule*>(symbol);
    }
    reasons = ::dlerror();
  }
  throw std::move(Error(Exit::preflight, "cannot use SentencePiece: {}",
                        reasons.empty() ? "this build has no llmrun_sentencepiece.so beside '" + bin.string() + "'" : reasons)
                      .hint("apt install libsentencepiece-dev, then ./bootstrap build; or use --tokenizer bytes"));
}

}  // namespace

std::unique_ptr<Tokenizer> open_tokenizer(const std::string& name) {
  if (name == "bytes") return std::make_unique<ByteTokenizer>();
  constexpr std::string_view kSentencePiece = "spm:";
  if (!name.starts_with(kSentencePiece)) {
    throw std::move(Error(Exit::usage, "unknown tokenizer '{}'", name)
                        .hint("bytes, spm:MODEL with a SentencePiece model file, or for `llmrun data prepare` spm-train:4096"));
  }
  const std::string model = name.substr(kSentencePiece.size());
  if (!std::filesystem::is_regular_file(model)) {
    throw std::move(Error(Exit::preflight, "cannot read the SentencePiece model '{}': no such file", model)
                        .hint("--tokenizer spm-train:4096 trains one from the text"));
  }
  std::string error;
  auto tokenizer = sentencepiece().open(model, error);
  if (!tokenizer) {
    throw std::move(Error(Exit::preflight, "cannot read the SentencePiece model '{}': {}", model, error)
                        .hint("a model file as SentencePiece's trainer writes it is expected (often named *.model)"));
  }
  return tokenizer;
}

std::string train_sentencepiece(const std::vector<std::string>& lines, int64_t vocab) {
  std::string model, error;
  if (sentencepiece().train(lines, vocab, model, error)) return model;
  throw std::move(Error(Exit::preflight, "cannot train a vocabulary of {} pieces from {} lines: {}", vocab, lines.size(), error)
                      .hint("a smaller number after spm-train: (at least 300), or more text"));
}

}  // namespace llmrun
