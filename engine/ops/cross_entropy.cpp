#include "engine/ops/cross_entropy.h"

#include <ATen/ops/empty_like.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>

#include <limits>

#include "engine/ops/product.h"
#include "engine/ops/softmax_rows.h"

namespace llmrun {
namespace {

/// One rank's part of the loss and its gradients, chunk by chunk.
class LinearCrossEntropy {
 public:
  LinearCrossEntropy(const at::Tensor& x, const at::Tensor& w, const at::Tensor& targets, Interval rows, Communicator& tensor,
                     const at::Tensor& grad_w, bool accumulate, double gradient_scale)
      : x_(x),
        w_(w),
        targets_(targets),
        rows_(rows),
        tensor_(tensor),
        grad_w_(grad_w),
        accumulate_(accumulate),
        gradient_scale_(gradient_scale) {
    result_.loss_sum = at::zeros({}, x.options().dtype(at::kDouble));
    if (grad_w.defined()) result_.dx = at::empty_like(x);
  }

  void add_chunk(int64_t begin, int64_t tokens) {
    const at::Tensor x = x_.narrow(0, begin, tokens), targets = targets_.narrow(0, begin, tokens);
    at::Tensor logits = product_in_fp32(x, w_.t());
    // Padding is no token: its probability is 0, and so are its gradient and what it adds to dx.
    logits.narrow(1, rows_.size(), logits.size(1) - rows_.size()).fill_(-std::numeric_limits<float>::infinity());
    const SoftmaxRows softmax = reduce(logits, targets);
    result_.loss_sum.add_(softmax.loss(targets));
    if (!result_.dx.defined()) return;
    softmax.turn_into_gradient(logits, targets, rows_);
    if (gradient_scale_ != 1) logits.mul_(gradient_scale_);
    const at::Tensor dlogits = logits.to(x.scalar_type());
    at::Tensor dx = result_.dx.narrow(0, begin, tokens);
    at::mm_out(dx, dlogits, w_);
    product_into(grad_w_, dlogits.t(), x, accumulate_ || begin > 0);
  }

  LossResult finish() {
    result_.tokens = targets_.ge(0).sum();
    return std::move(result_);
  }

 private:
  /// Largest logit, sum of exponentials and target's logit of each token, over the whole vocabulary.
  SoftmaxRows reduce(const at::Tensor& logits, const at::Tensor& targets) {
    at::Tensor largest = largest_of_rows(logits);
    if (tensor_.size() > 1) tensor_.all_reduce(largest, Reduce::max).wait();
    SoftmaxRows softmax{largest, sums_of_rows(logits, largest, targets, rows_)};
    if (tensor_.size() > 1) tensor_.all_reduce(softmax.sums, Reduce::sum).wait();
    return softmax;
  }

  const at::Tensor& x_;
  const at::Tensor& w_;
  const at::Tensor& targets_;
  Interval rows_;
  Communicator& tensor_;
  const at::Tensor& grad_w_;
  bool accumulate_;
  double gradient_scale_;
  LossResult result_;
};

}  // namespace

LossResult linear_cross_entropy(const at::Tensor& x, const at::Tensor& w, const at::Tensor& targets, Interval rows, Communicator& tensor,
                                const at::Tensor& grad_w, bool accumulate, int64_t chunk, double gradient_scale) {
  LinearCrossEntropy loss(x, w, targets, rows, tensor, grad_w, accumulate, gradient_scale);
  for (int64_t begin = 0; begin < x.size(0); begin += chunk) loss.add_chunk(begin, std::min(chunk, x.size(0) - begin));
  return loss.finish();
}

}  // namespace llmrun
