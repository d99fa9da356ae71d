"""The visible checks of week 8: they run in the notebook for instant feedback, and again when it is graded."""

from __future__ import annotations

import numpy as np
import torch

from coursekit.checks import Slip, assert_close, assert_same, assert_shape, assert_that, check
from coursekit.inputs import gaussian, seed_from
from video_lab.checks import mistakes, mistakes_watched, reference

# --- 1 tubelets -----------------------------------------------------------------------------------------------------


@check("tubelets", weight=2)
def the_librarys_tokens(student, rng):
    """Tokens are those of VideoMAEPatchEmbeddings, time slowest."""
    given = reference.some_tubelets(rng)
    slips = mistakes.of_tubelets(*given)
    wanted = reference.library_tubelets(*given)
    assert_close(student.tubelets(*given), wanted, atol=1e-4, slips=slips, what="the tokens")


@check("tubelets")
def waves_for_places(student, rng):
    """Positions are VideoMAE's sines and cosines, taking turns."""
    tokens, d = 9 + int(rng.integers(5)), 12
    wanted = reference.library_positions(tokens, d)
    assert_close(student.positions(tokens, d), wanted, slips=mistakes.of_positions(tokens, d), what="the positions")


# --- 2 divided ------------------------------------------------------------------------------------------------------


@check("divided", weight=2)
def the_librarys_layer(student, rng):
    """It is what a TimesformerLayer with the same attentions makes of the states."""
    where = seed_from(rng), 2, 3, 4
    told = student.library("video_lab.probes").attended(student.divided, *where)
    slips = mistakes.of_divided(*where)
    assert_close(told["found"], reference.library_divided(*where), atol=1e-4, rtol=1e-4, slips=slips, what="the states")


@check("divided")
def who_attends_to_whom(student, rng):
    """Time is given each patch's frames, without the class token; space each frame's patches, with it."""
    told = student.library("video_lab.probes").attended(student.divided, seed_from(rng), 2, 3, 4)
    time, space = told["calls"]["time"], told["calls"]["space"]
    if [shape[1] for shape in time] == [24] and time[0][0] == 2:
        raise Slip("time attention saw all patches at once: each patch attends along its own frames only")
    if any(shape[1] == 5 for shape in time):
        raise Slip("the class token was given to time attention; it takes no part there")
    if any(shape[1] == 6 for shape in space):
        raise Slip("the class token takes part in space, in every frame")
    frames = sum(shape[0] for shape in time), {shape[1] for shape in time}
    pages = sum(shape[0] for shape in space), {shape[1] for shape in space}
    assert_that(frames == (12, {4}), f"over_time was given {time}; of 2 films, 6 patches and 4 frames, 12 rows of 4")
    assert_that(pages == (8, {7}), f"over_space was given {space}; of 2 films, 6 patches and 4 frames, 8 rows of 7")


# --- 3 tube_mask ----------------------------------------------------------------------------------------------------


@check("tube_mask")
def tubes_all_along(student, rng):
    """What is hidden in one slice is hidden in all, and each film has its own places."""
    n, slices, places, hidden = 6, 3, 16, 11
    found = student.tube_mask(n, slices, places, hidden, seed_from(rng))
    assert_shape(found, (n, slices * places), "the mask")
    mask = torch.as_tensor(found).bool().view(n, slices, places)
    counts = mask.sum(dim=2)
    if bool((counts == places - hidden).all()):
        raise Slip("True means hidden: here it means visible")
    folded = mask.reshape(n, places, slices)
    if bool((folded == folded[:, :, :1]).all()) and not (mask == mask[:, :1]).all():
        raise Slip("each place's slices stand together; tokens are slice after slice, as tubelets are")
    if bool((counts == hidden).all()) and not (mask == mask[:, :1]).all():
        raise Slip("each slice has a mask of its own: what is hidden in one shows in the next, and leaks")
    if (mask == mask[:, :1]).all() and len(counts.unique()) > 1:
        raise Slip("each place was hidden by chance, so films hide unequal numbers; exactly `hidden` was asked for")
    assert_that(bool((mask == mask[:, :1]).all()), "a place is hidden in one slice and shows in another")
    assert_that(bool((counts == hidden).all()), f"films hide {counts[:, 0].tolist()} places; {hidden} were asked for")
    if bool((mask == mask[:1]).all()):
        raise Slip("all films have the same mask; each draws its own")


@check("tube_mask")
def by_the_seed(student, rng):
    """The same seed gives the same mask, another seed another, and no place is favoured."""
    seed = seed_from(rng)
    first, again, other = (np.asarray(student.tube_mask(40, 1, 16, 8, s)) for s in (seed, seed, seed + 1))
    assert_that(bool((first == again).all()), "two calls with one seed differ: draw from the seed alone")
    if bool((first == other).all()):
        raise Slip("the seed is not used: another seed gives the same mask")
    share = first.mean(axis=0)
    assert_that(bool(((share > 0.1) & (share < 0.9)).all()), "some places are hidden (nearly) always, or never")


@check("tube_mask", weight=2)
def the_librarys_loss(student, rng):
    """The loss is what VideoMAEForPreTraining reports for the same film, prediction and mask."""
    for hidden in (4, 3):
        given, wanted = reference.library_masked(rng, hidden=hidden)
        slips = mistakes.of_loss(**given)
        assert_close(student.masked_pixels(*given.values()), wanted, atol=1e-3, rtol=1e-3, slips=slips, what="the loss")


# --- 4 temporal -----------------------------------------------------------------------------------------------------


@check("temporal")
def a_kernel_of_frames(student, rng):
    """A kernel spread over the frames, and a kernel in the middle one."""
    kernel = gaussian(rng, 5, 3, 2, 4)
    for central, t in ((False, 3), (True, 4)):
        wanted = reference.reference_inflated(kernel, t, central)
        slips = mistakes.of_inflated(kernel, t, central)
        assert_close(student.inflate(kernel, t, central), wanted, slips=slips, what=f"the kernel, central={central},")


@check("temporal", weight=2)
def the_librarys_module(student, rng):
    """It is what diffusers' AnimateDiffTransformer3D makes of the same states."""
    where = seed_from(rng), 5, 2, 3
    told = student.library("video_lab.probes").moved(student.motion_module, *where)
    slips = mistakes.of_moved(*where)
    assert_close(told["found"], reference.library_moved(*where), atol=1e-3, rtol=1e-3, slips=slips, what="the states")


@check("temporal", artefact=True)
def nothing_at_first(student, rng):
    """With a last layer of zeros the states come back as they were."""
    told = student.library("video_lab.probes").moved(student.motion_module, seed_from(rng), 4, 2, 2, True)
    assert_close(told["found"], told["states"], what="the states")


# --- 5 rotary3d -----------------------------------------------------------------------------------------------------


@check("rotary3d", weight=2)
def the_librarys_turns(student, rng):
    """Vectors are turned as CogVideoX turns them."""
    x = gaussian(rng, 2, 2, 3 * 4 * 5, 16)
    slips = mistakes.of_rotary(x, 3, 4, 5)
    assert_close(student.rotary3d(x, 3, 4, 5), reference.library_rotary(x, 3, 4, 5), atol=1e-4, slips=slips)


@check("rotary3d")
def only_distances_count(student, rng):
    """The score of two tokens depends on how far they are apart, and lengths stay as they were."""
    q, k = gaussian(rng, 1, 1, 1, 32), gaussian(rng, 1, 1, 1, 32)
    shape = 3, 4, 5
    qs, ks = (torch.as_tensor(student.rotary3d(one.expand(1, 1, 60, 32).clone(), *shape))[0, 0] for one in (q, k))
    assert_shape(qs, (60, 32), "what becomes of 60 vectors of 32 numbers")
    lengths = qs.norm(dim=1)
    assert_close(lengths, q.norm().expand(60), atol=1e-3, what="the length of a turned vector")
    scores = (qs @ ks.T).view(3, 4, 5, 3, 4, 5)
    first, again = scores[0, 1, 2, 1, 2, 4], scores[1, 2, 0, 2, 3, 2]
    assert_close(again, first, atol=1e-3, what="the score of two tokens, moved together by a frame, a row and columns,")
    assert_that(abs(float(first - scores[0, 1, 2, 0, 1, 2])) > 1e-4, "the score is the same at any distance")


# --- 5 block --------------------------------------------------------------------------------------------------------


@check("block", weight=2)
def the_librarys_block(student, rng):
    """It is what diffusers' CogVideoXBlock makes of the same film and text."""
    where = seed_from(rng), 2, 2, 3, 4
    told = student.library("video_lab.probes").met(student.spacetime_block, *where)
    film, text = reference.library_met(*where)
    slips = mistakes.of_met(*where)
    found = torch.cat([torch.as_tensor(told["text"]), torch.as_tensor(told["film"])], dim=1)
    assert_close(found, torch.cat([text, film], dim=1), atol=1e-3, rtol=1e-3, slips=slips, what="text and film")


@check("block")
def only_places_turn(student, rng):
    """`turn` is given the film's queries and keys, and nothing else."""
    turned = student.library("video_lab.probes").met(student.spacetime_block, seed_from(rng), 2, 2, 3, 4)["turned"]
    if any(shape[2] == 16 for shape in turned):
        raise Slip("words were turned with the film: they have no place in it")
    if len(turned) == 3:
        raise Slip("values were turned too: places say who looks at whom, and not what is seen there")
    assert_that(turned == [[2, 2, 12, 16]] * 2, f"`turn` was given {turned}: twice (2, 2, 12, 16), of q and of k")


@check("block", artefact=True)
def shut_gates(student, rng):
    """With gates of 0 film and text come back as they were: so training begins."""
    told = student.library("video_lab.probes").met(student.spacetime_block, seed_from(rng), 2, 1, 2, 4, True)
    assert_close(told["film"], told["given"][0], what="the film")
    assert_close(told["text"], told["given"][1], what="the text")


# --- 6 physics ------------------------------------------------------------------------------------------------------


@check("physics")
def two_that_pass_each_other(student, rng):
    """Two things that pass each other keep their tracks, whatever the order in which they are named."""
    seen = reference.some_things(rng)
    slips = mistakes_watched.of_tracks(seen, 20.0)
    mistakes_watched.assert_tracks(
        student.follow(seen, 20.0), reference.reference_tracks(seen, 20.0), slips, "the tracks"
    )


@check("physics", weight=2)
def seen_and_not_seen(student, rng):
    """What is hidden for a while goes on, what is too far is something new, and the whole way is the shortest."""
    jitter = rng.uniform(-0.3, 0.3, size=(8, 2))
    gap = [np.array([[5.0 + 4 * i, 9.0]]) + jitter[i] if i not in (3, 4) else np.zeros((0, 2)) for i in range(8)]
    late = [np.array([[10.0, 10.0]]), np.array([[11.0, 10.0], [50.0, 40.0]]), np.array([[49.0, 41.0], [12.5, 10.0]])]
    tight = [np.array([[16.0, 10.0], [10.0, 10.0]]), np.array([[22.0, 10.0], [15.5, 10.0]])]
    new = [np.array([[10.0, 10.0]]), np.array([[11.0, 10.0]]), np.array([[50.0, 40.0]]), np.array([[51.0, 41.0]])]
    for name, seen, far in (("gap", gap, 15.0), ("late", late, 12.0), ("tight", tight, 14.0), ("new", new, 12.0)):
        seen = [places + rng.uniform(-0.2, 0.2) for places in seen]
        slips = mistakes_watched.of_tracks(seen, far)
        found, wanted = student.follow(seen, far), reference.reference_tracks(seen, far)
        mistakes_watched.assert_tracks(found, wanted, slips, f"the tracks ({name})")


@check("physics", weight=2)
def what_no_law_explains(student, rng):
    """The root mean square of what the law leaves, where three frames in a row are seen."""
    times = np.arange(8.0)[:, None]
    path = np.array([[8.0, 50.0]]) + times * (5.0, -9.0) + 0.5 * times**2 * (0.0, 1.6) + rng.normal(size=(8, 2))
    for missing in ((), (3,)):
        path[list(missing)] = np.nan
        law = (0.0, 1.6)
        slips = mistakes_watched.of_residual(path, law)
        wanted = reference.reference_residual(path, law)
        assert_close(student.residual_acceleration(path, law), wanted, atol=1e-4, slips=slips, what="the residual")


# --- 7 key_frames ---------------------------------------------------------------------------------------------------


@check("key_frames", weight=2)
def the_centres(student, rng):
    """They are the frames that greedy k centres choose, in the order of time."""
    for n, k in ((14, 4), (11, 3), (9, 5)):
        features = gaussian(rng, n, 6) * torch.from_numpy(rng.uniform(0.3, 3, size=(n, 1))).float() + 0.4
        slips = mistakes_watched.of_key_frames(features, k)
        found = [int(i) for i in student.key_frames(features, k)]
        assert_same(found, reference.reference_key_frames(features, k), f"the {k} frames of {n}", slips=slips)


@check("key_frames")
def one_of_each_scene(student, rng):
    """Of a film of three scenes, one much longer than the others, three frames show all three."""
    scenes = gaussian(rng, 3, 12)
    at = [0] * 15 + [1] * 2 + [2] * 3
    features = scenes[at] + 0.01 * gaussian(rng, 20, 12)
    found = [int(i) for i in student.key_frames(features, 3)]
    assert_that(len(set(found)) == 3, f"three different frames were asked for, not {found}")
    shown = sorted({at[i] for i in found if 0 <= i < 20})
    assert_that(shown == [0, 1, 2], f"frames {found} show {len(shown)} of three scenes")


# --- 8 frechet ------------------------------------------------------------------------------------------------------


@check("frechet", weight=2)
def scipys_distance(student, rng):
    """It is the distance that scipy's root of the covariances' product gives."""
    one, other = reference.some_features(rng)
    slips = mistakes_watched.of_frechet(one, other)
    wanted = reference.library_frechet(one, other)
    assert_close(student.frechet(one, other), wanted, atol=1e-3, rtol=1e-3, slips=slips, what="the distance")


@check("frechet")
def few_rows(student, rng):
    """Of fewer rows than features it is a number all the same, and 0 for a set and itself."""
    one, other = gaussian(rng, 6, 10), gaussian(rng, 5, 10) + 1
    found = student.frechet(one, other)
    if isinstance(found, complex) or np.iscomplexobj(np.asarray(found)):
        raise Slip("the distance is complex: rounding makes the root so; take its real part")
    assert_close(found, reference.library_frechet(one, other), atol=1e-2, rtol=1e-3, what="the distance")
    assert_close(student.frechet(one, one), 0.0, atol=1e-2, what="the distance of a set from itself")


# --- 9 fuse ---------------------------------------------------------------------------------------------------------


@check("fuse", weight=2)
def chances_of_both(student, rng):
    """Late fusion: the weighted mean of the logarithms, as chances that add up to 1."""
    for trust in (0.5, 0.8):
        seen, heard = 2 * gaussian(rng, 6, 4), 2 * gaussian(rng, 6, 4) + 1
        wanted = reference.reference_late(seen, heard, trust)
        slips = mistakes_watched.of_late(seen, heard, trust)
        assert_close(student.late(seen, heard, trust), wanted, slips=slips, what=f"the chances with trust = {trust}")


@check("fuse", weight=2)
def side_by_side(student, rng):
    """Early fusion: each feature standardised over the rows that have it, and 0 in the others."""
    given = reference.some_senses(rng)
    slips = mistakes_watched.of_early(*given)
    assert_close(student.early(*given), reference.reference_early(*given), atol=1e-3, slips=slips, what="the features")


# --- 10 bind --------------------------------------------------------------------------------------------------------


@check("bind")
def what_a_sensor_measures(student, rng):
    """Acceleration minus gravity: 9.81 upwards at rest, nothing in free fall."""
    rate = 16.0 * int(rng.integers(1, 4))
    path = np.cumsum(np.cumsum(rng.normal(size=(9, 2)), axis=0), axis=0) / rate**2
    slips = mistakes_watched.of_force(path, rate)
    wanted = reference.reference_force(path, rate)
    assert_close(student.specific_force(path, rate), wanted, atol=1e-4, slips=slips, what="what is measured")


@check("bind", weight=2)
def clips_loss_of_each_sense(student, rng):
    """The sum over the senses of CLIP's loss, each among the films that have the sense."""
    for n in (10, 7):
        given = reference.some_bound(rng, n)
        slips = mistakes_watched.of_bound(*given)
        assert_close(
            student.bound_loss(*given), reference.library_bound(*given), atol=1e-4, slips=slips, what="the loss"
        )


@check("bind")
def never_met(student, rng):
    """Where no film has two senses the loss does not change with how these are paired."""
    seen, others, there, scales = reference.some_bound(rng, 12)
    there = torch.stack([torch.arange(12) % 2 == 0, torch.arange(12) % 2 == 1], dim=1)
    first = float(torch.as_tensor(student.bound_loss(seen, others, there, scales)))
    others[1] = torch.where(there[:, 1:], others[1], 50 + 9 * gaussian(rng, 12, 5))
    again = float(torch.as_tensor(student.bound_loss(seen, others, there, scales)))
    if not abs(first - again) <= 1e-4 * max(1.0, abs(first)):
        raise Slip("what a missing sense holds changes the loss: only films that have the sense count for it")
