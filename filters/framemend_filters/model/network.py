"""The network: aligned windows in, repaired pictures and their expected error out.

One forward serves pretraining (hidden parts of the video are predicted, the future included) and repair. Convolutions at
1/2 and 1/4 of the picture's size surround Transformer blocks at 1/8, whose attention spans all frames of the window in
small shifted spatial windows (Liu et al., "Video Swin Transformer", CVPR 2022). What is predicted is a picture that the
network mixes, sample by sample, from the frame, the base and the aligned mean, a kernel that sharpens or softens it there
(Mildenhall et al., "Burst denoising with kernel prediction networks", CVPR 2018), and a residual.

Dimensions: B batch, T frames, N neighbours, C channels, H W samples, h w tokens, D width, S tokens of a window.
"""

from __future__ import annotations

from functools import reduce
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from framemend_filters.levels import COUNT, Levels
from framemend_filters.model.configuration import ModelSizes

NOISE_FLOOR = 6 / 255
"""Differences and residuals are measured in units of the noise plus this."""
CLAMP = 8.0
"""Differences beyond this many units tell no more."""
ALONE, LONGEST_VECTOR = 16384, 64
"""Elements up to which torch leaves GELU to one thread, and of the longest vectors that it computes in."""
STRIDE = 8
"""Samples on the edge of a token."""
REACH = 4
"""Samples that a predicted kernel reaches."""
KERNEL = tuple((step * dy, step * dx) for step in range(1, REACH + 1) for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)))
"""Rows and columns from a sample to one of each pair that its kernel weighs: along both axes and both diagonals."""
KERNEL_UNIT = 1 / 3
"""What the kernel's weights are counted in: so that a step of training changes the picture no more by them than by the residual."""


TOLD = 32
"""Width of the layer between what is known of a window and the features."""
_LIFTS = {"noise": 0.25, "coding": 1.0, "grain": 0.25, "unrest": 1.0}
"""Levels on the pictures' scale, which are taken as logarithms besides, and what is added before, codes of 255."""
_LOGS = tuple((Levels._fields.index(name), lift) for name, lift in _LIFTS.items())
_SCALES = tuple(10.0 if name in _LIFTS else 1.0 for name in Levels._fields)


class RepairOutput(NamedTuple):
    """picture: B T 3 H W, repaired RGB, 0..1 (not clamped); log_error: B T H W, natural log of the expected absolute error
    of a sample, 0..1 scale."""

    picture: Tensor
    log_error: Tensor


class ConvBlock(nn.Module):
    """Two 3x3 convolutions with a shortcut."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(dim, dim, 3, padding=1)
        self.second = nn.Conv2d(dim, dim, 3, padding=1)
        setattr(self.second, "init_gain", 0.1)  # noqa: B010  # near the identity at the start

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.relu(self.first(x)))


class WindowAttention(nn.Module):
    """Attention over all frames of the window, in spatial windows of tokens.

    Shifted windows reach past the picture's edge, where the tokens at the edge are repeated.
    """

    def __init__(self, sizes: ModelSizes, shifted: bool) -> None:
        super().__init__()
        dim = sizes.dims[2]
        self.heads, self.window, self.shift = sizes.heads, sizes.window, sizes.window // 2 if shifted else 0
        self.norm = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        size, frames = 2 * sizes.window - 1, 2 * sizes.frames - 1
        self.position_bias = nn.Parameter(torch.zeros(sizes.heads, frames, size, size))
        self.max_frames = sizes.frames

    def forward(self, x_BThwD: Tensor) -> Tensor:
        B, T, h, w, D = x_BThwD.shape
        m = self.window
        qkv = self.qkv(self.norm(x_BThwD)).reshape(B * T, h, w, 3 * D)
        if self.shift:
            qkv = _pad_edges(qkv, self.shift)
        gh, gw = qkv.shape[1] // m, qkv.shape[2] // m
        S = T * m * m
        qkv = qkv.reshape(B, T, gh, m, gw, m, 3, self.heads, D // self.heads)
        q, k, v = qkv.permute(6, 0, 2, 4, 7, 1, 3, 5, 8).reshape(3, B * gh * gw, self.heads, S, D // self.heads)
        scores = torch.matmul(q * (D // self.heads) ** -0.5, k.transpose(-2, -1)) + self._bias(T).to(q.dtype)
        y = torch.matmul(scores.softmax(-1, dtype=q.dtype), v)  # plain: faster than the fused form for so few tokens
        y = y.reshape(B, gh, gw, self.heads, T, m, m, D // self.heads).permute(0, 4, 1, 5, 2, 6, 3, 7)
        y = y.reshape(B, T, gh * m, gw * m, D)
        if self.shift:
            y = y[:, :, self.shift : self.shift + h, self.shift : self.shift + w]
        return x_BThwD + self.proj(y)

    def _bias(self, T: int) -> Tensor:
        """Learned bias by relative place in time and space, heads x S x S."""
        m, device = self.window, self.position_bias.device
        t, y, x = torch.meshgrid(*(torch.arange(n, device=device) for n in (T, m, m)), indexing="ij")
        place = torch.stack([t, y, x]).flatten(1)
        offset = place[:, :, None] - place[:, None, :]
        return self.position_bias[:, offset[0] + self.max_frames - 1, offset[1] + m - 1, offset[2] + m - 1]


class TransformerBlock(nn.Module):
    """Attention in windows, then a feed-forward layer, both with a shortcut."""

    def __init__(self, sizes: ModelSizes, shifted: bool) -> None:
        super().__init__()
        dim, hidden = sizes.dims[2], int(sizes.dims[2] * sizes.mlp_ratio)
        self.attention = WindowAttention(sizes, shifted)
        self.norm = nn.LayerNorm(dim)
        self.up = nn.Linear(dim, hidden)
        self.down = nn.Linear(hidden, dim)

    def forward(self, x_BThwD: Tensor) -> Tensor:
        x = self.attention(x_BThwD)
        return x + self.down(_gelu(self.up(self.norm(x))))


class OutputLayer(nn.Conv2d):
    """Features at 1/2 to six channels of 2x2 samples each: residual (3), logit of the base, log error, logit of the mean;
    and after them the weights of the kernel, one for all four."""

    def __init__(self, dim: int) -> None:
        super().__init__(dim, 4 * 6 + len(KERNEL), 1)

    def start(self, base_bias: float) -> None:
        """Nothing is changed at the start: residual and kernel are zero, the picture is nearly the base."""
        nn.init.zeros_(self.weight)
        with torch.no_grad():
            self.bias.zero_()  # pyright: ignore[reportOptionalMemberAccess]
            self.bias[12:16] = base_bias  # pyright: ignore[reportOptionalSubscript]
            self.bias[16:20] = -1.0  # pyright: ignore[reportOptionalSubscript]
            self.bias[20:24] = -3.0  # pyright: ignore[reportOptionalSubscript]


class RepairLayers(nn.Module):
    """Repairs a window of aligned frames: the layers and what they compute, for a class that says how they are made."""

    sizes: ModelSizes

    def _add_layers(self, sizes: ModelSizes) -> None:
        self.sizes = sizes
        outer, middle, inner = sizes.dims
        channels = 15 + 4 * 2 * sizes.neighbours
        self.embed = nn.Conv2d(channels, outer, 2, stride=2)
        self.told = nn.Sequential(nn.Linear(len(_LOGS) + COUNT, TOLD), nn.ReLU(), nn.Linear(TOLD, 2 * outer))
        self.encode_outer = nn.Sequential(*(ConvBlock(outer) for _ in range(sizes.encoder_depths[0])))
        self.to_middle = nn.Conv2d(outer, middle, 2, stride=2)
        self.encode_middle = nn.Sequential(*(ConvBlock(middle) for _ in range(sizes.encoder_depths[1])))
        self.to_tokens = nn.Conv2d(middle, inner, 2, stride=2)
        self.blocks = nn.ModuleList(TransformerBlock(sizes, shifted=i % 2 == 1) for i in range(sizes.depth))
        self.norm = nn.LayerNorm(inner)
        self.from_tokens = nn.Conv2d(inner, 4 * middle, 1)
        self.decode_middle = nn.Sequential(*(ConvBlock(middle) for _ in range(sizes.decoder_depths[1])))
        self.from_middle = nn.Conv2d(middle, 4 * outer, 1)
        self.decode_outer = nn.Sequential(*(ConvBlock(outer) for _ in range(sizes.decoder_depths[0])))
        self.head = OutputLayer(outer)

    def forward(
        self,
        frames: Tensor,
        masks: Tensor,
        certainty: Tensor,
        neighbours: Tensor,
        validity: Tensor,
        mean: Tensor,
        count: Tensor,
        base: Tensor,
        levels: Tensor,
    ) -> RepairOutput:
        """Repair a window.

        frames: B T 3 H W, RGB 0..1, holes filled by a first guess; masks: B T H W, 1 in holes; certainty: B T H W, of
        the first guess (1 where given); neighbours: B T N 3 H W, warped onto each frame; validity: B T N H W, 0..1; mean:
        B T 3 H W, aligned mean, of all that differs no more than codecs make it; base: B T 3 H W, aligned mean of what differs no more
        than noise makes it, less the noise left in it; count: B T H W, frames that it amounts to; levels: B L, as `Levels` has them.
        Any H and W from 16 up, any T from 1 to sizes.frames. Pictures go in as float32; inside, the network runs in
        the dtype of its weights (or of autocast) and the sum of base and residual is float32 again.
        """
        B, T, _, H, W = frames.shape
        if T > self.sizes.frames:
            raise ValueError(f"the window has {T} frames; this model takes up to {self.sizes.frames}")
        frames, base, mean, levels = frames.float(), base.float(), mean.float(), levels.float()
        unit = (levels[:, 0] + NOISE_FLOOR).reshape(B, 1, 1, 1, 1)
        features = self._features(frames, masks, certainty, neighbours, validity, mean, count, base, unit)
        out, weights = self._body(features, self.told(_known(levels).to(features.dtype)))
        out = out.float().reshape(B, T, 6, H, W)
        # changes, small numbers, are added to the frames last of all: runtimes may have half precision in between
        change = torch.sigmoid(out[:, :, 3:4]) * (base - frames)
        change = change + torch.sigmoid(out[:, :, 5:]) * (mean - frames - change)
        added = _filtered((frames + change).flatten(0, 1), KERNEL_UNIT * weights.float()).unflatten(0, (B, T))
        picture = frames + (change + added + unit * out[:, :, :3])
        return RepairOutput(picture, out[:, :, 4] + torch.log(unit[..., 0]))

    def _features(
        self,
        frames: Tensor,
        masks: Tensor,
        certainty: Tensor,
        neighbours: Tensor,
        validity: Tensor,
        mean: Tensor,
        count: Tensor,
        base: Tensor,
        unit: Tensor,
    ) -> Tensor:
        """What the network sees, (B*T, C, H, W) in the dtype of its weights: differences to the base in units of the
        noise, and what is known of them. In place where it can be: these are the largest tensors of all."""
        dtype = self.embed.weight.dtype

        def difference(picture: Tensor) -> Tensor:
            return (picture - base).div_(unit).clamp_(-CLAMP, CLAMP).to(dtype)

        near = neighbours.float() - base[:, :, None]
        near.div_(unit[..., None]).clamp_(-CLAMP, CLAMP).mul_(validity[:, :, :, None])
        parts = [
            difference(frames),
            near.flatten(2, 3).to(dtype),
            validity,
            base * 2 - 1,
            torch.log2(1 + count.float())[:, :, None] / 4,
            masks[:, :, None],
            certainty[:, :, None],
            difference(mean),
            _detail(base).div_(unit).clamp_(-CLAMP, CLAMP),
        ]
        return torch.cat([part.to(dtype) for part in parts], 2).flatten(0, 1)

    def _body(self, features: Tensor, told: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B*T, C, H, W), and what is known of each window (B, 2 C'), to 6 channels of the same size: residual (3), logit of the base, log error, logit of the mean;
        and to the weights of the kernel for 2x2 samples each, at half the size (rounded up)."""
        BT, _, H, W = features.shape
        T = BT // len(told)
        before, after = told[:, None].expand(-1, T, -1).flatten(0, 1)[:, :, None, None].chunk(2, 1)
        edge = STRIDE * self.sizes.window
        features = F.pad(features, (0, -W % edge, 0, -H % edge), mode="replicate")
        outer = self.encode_outer(_frame_by_frame(self.embed, features) + before)
        middle = self.encode_middle(self.to_middle(F.relu(outer)))
        tokens = self.to_tokens(F.relu(middle))
        _, D, h, w = tokens.shape
        x = tokens.permute(0, 2, 3, 1).reshape(BT // T, T, h, w, D)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x).reshape(BT, h, w, D).permute(0, 3, 1, 2)
        middle = self.decode_middle(middle + F.pixel_shuffle(self.from_tokens(x), 2))
        outer = self.decode_outer(outer + after + F.pixel_shuffle(self.from_middle(F.relu(middle)), 2))
        fine, weights = self.head(F.relu(outer)).split([4 * 6, len(KERNEL)], 1)
        return F.pixel_shuffle(fine, 2)[:, :, :H, :W], weights[:, :, : (H + 1) // 2, : (W + 1) // 2]


class RepairNetwork(RepairLayers):
    """The network as repair runs it: torch alone, without the transformers library, whose import takes longer than torch's."""

    def __init__(self, sizes: ModelSizes) -> None:
        super().__init__()
        self._add_layers(sizes)


def _frame_by_frame(layer: nn.Module, x_BCHW: Tensor) -> Tensor:
    """A layer over each picture on its own, the result in channels-last: torch has a faster way for one than for many."""
    if torch.compiler.is_compiling() or torch.is_grad_enabled():
        return layer(x_BCHW.contiguous(memory_format=torch.channels_last))
    return torch.cat([layer(x).contiguous(memory_format=torch.channels_last) for x in x_BCHW.split(1)])


def _known(levels_BL: Tensor) -> Tensor:
    """Levels as the network takes them: numbers about 1, those on the pictures' scale as logarithms besides: codecs and blur leave next to
    no noise, clean pictures some."""
    logs = [torch.log(levels_BL[:, place] * 255 + lift) / 3 for place, lift in _LOGS]
    return torch.cat([torch.stack(logs, 1), levels_BL * levels_BL.new_tensor(_SCALES)], 1)


def _gelu(x: Tensor) -> Tensor:
    """GELU by its tanh formula, the same with any number of threads: torch has other arithmetic for what is left at the end of a
    thread's share beyond whole vectors, so where shares do not end on them each piece is computed by one thread."""
    if torch.compiler.is_compiling() or x.requires_grad or x.device.type != "cpu":
        return F.gelu(x, approximate="tanh")
    if x.numel() <= ALONE or x.numel() % (LONGEST_VECTOR * torch.get_num_threads()) == 0:
        return F.gelu(x, approximate="tanh")
    return torch.cat([F.gelu(part, approximate="tanh") for part in x.flatten().split(ALONE)]).view_as(x)


def _filtered(picture_BCHW: Tensor, weights_BKhw: Tensor) -> Tensor:
    """What the kernels of 2x2 samples each add to them, B 1 H W: how far the pairs of samples around each are lighter than it,
    weighted. Of brightness alone: fine detail has next to no colour, least of all in video (4:2:0)."""
    H, W = picture_BCHW.shape[-2:]
    red, green, blue = picture_BCHW.split(1, 1)  # sums by hand: those of torch differ with the number of threads
    light = (red + green + blue) / 3
    around = F.pad(light, (REACH, REACH + W % 2, REACH, REACH + H % 2), mode="replicate")
    height, width = H + H % 2, W + W % 2

    def shifted(dy: int, dx: int) -> Tensor:
        return around[:, :, REACH + dy : REACH + dy + height, REACH + dx : REACH + dx + width]

    def by_fours(x: Tensor) -> Tensor:
        return x.reshape(-1, 1, height // 2, 2, width // 2, 2)

    weights = weights_BKhw[:, :, :, None, :, None]
    added = by_fours(shifted(0, 0)) * (-2 * reduce(torch.add, weights.split(1, 1)))
    for (dy, dx), weight in zip(KERNEL, weights.split(1, 1), strict=True):
        added = torch.addcmul(added, by_fours(shifted(dy, dx) + shifted(-dy, -dx)), weight)
    return added.reshape(-1, 1, height, width)[:, :, :H, :W]


def _detail(picture_BTCHW: Tensor) -> Tensor:
    """What a picture holds beyond its means over 4x4 samples: small numbers, which half precision keeps exactly where
    it would lose them beside the picture's brightness. Without it nothing learns to sharpen in bfloat16."""
    B, T, C, H, W = picture_BTCHW.shape
    x = picture_BTCHW.float().reshape(B * T * C, 1, H, W)  # torch has other arithmetic for three channels on one thread
    low = F.avg_pool2d(F.pad(x, (0, -W % 4, 0, -H % 4), mode="replicate"), 4)
    smooth = F.interpolate(low, scale_factor=4, mode="bilinear", align_corners=False)[:, :, :H, :W]
    return (x - smooth).reshape(B, T, C, H, W)


def _pad_edges(x_BhwD: Tensor, size: int) -> Tensor:
    """Repeat the tokens at the edges `size` times on each side."""
    x = torch.cat([x_BhwD[:, :1].expand(-1, size, -1, -1), x_BhwD, x_BhwD[:, -1:].expand(-1, size, -1, -1)], 1)
    return torch.cat([x[:, :, :1].expand(-1, -1, size, -1), x, x[:, :, -1:].expand(-1, -1, size, -1)], 2)
