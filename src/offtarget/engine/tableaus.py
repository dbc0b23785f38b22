"""The coefficients of the two methods, as their authors printed them.

Tsit5: Ch. Tsitouras, "Runge-Kutta pairs of order 5(4) satisfying only the first column simplifying assumption",
Computers & Mathematics with Applications 62 (2011) 770-775. Seven stages, the last is the first of the next step.

Rodas5P: G. Steinebach, "Construction of Rosenbrock-Wanner method Rodas5P and numerical benchmarks within the Julia
Differential Equations package", BIT Numerical Mathematics 63 (2023) 27. Eight stages, order 5(4), stiffly accurate and
L-stable, in the transformed variables that need no product with the Jacobian.

Both come with an interpolant of order 4, held in one form (see ``steppers.interpolate``).
"""

from __future__ import annotations

import numpy as np

__all__ = ["EXPLICIT_A", "EXPLICIT_C", "EXPLICIT_D", "EXPLICIT_E", "IMPLICIT_A", "IMPLICIT_B", "IMPLICIT_C",
           "IMPLICIT_D", "IMPLICIT_G", "IMPLICIT_GAMMA", "IMPLICIT_H"]  # fmt: skip


def _square(rows: list[list[float]], size: int) -> np.ndarray:
    table = np.zeros((size, size))
    for i, row in enumerate(rows):
        table[i, : len(row)] = row
    return table


_WEIGHTS = [
    0.09646076681806523,
    0.01,
    0.4798896504144996,
    1.379008574103742,
    -3.290069515436081,
    2.324710524099774,
]

#: Nodes of the explicit stages.
EXPLICIT_C = np.array([0.0, 0.161, 0.327, 0.9, 0.9800255409045097, 1.0, 1.0])
#: Stage i starts from y + h sum(A[i, j] k[j]); the last row holds the weights of the step itself.
EXPLICIT_A = _square(
    [
        [],
        [0.161],
        [-0.008480655492356989, 0.335480655492357],
        [2.8971530571054935, -6.359448489975075, 4.3622954328695815],
        [5.325864828439257, -11.748883564062828, 7.4955393428898365, -0.09249506636175525],
        [5.86145544294642, -12.92096931784711, 8.159367898576159, -0.071584973281401, -0.028269050394068383],
        _WEIGHTS,
    ],
    7,
)
_FOURTH = [0.09824077787029123, 0.010816434459657, 0.4720087724042376, 1.5237195812770048, -3.872426680888636,
           2.7827926300289607, -1.0 / 66.0]  # fmt: skip
#: The step minus the embedded fourth-order step: weights of the error estimate.
EXPLICIT_E = np.array([*_WEIGHTS, 0.0]) - np.array(_FOURTH)
_POLYNOMIALS = np.array(
    [
        [1.0, -2.763706197274826, 2.9132554618219126, -1.0530884977290216],
        [0.0, 0.13169999999999998, -0.2234, 0.1017],
        [0.0, 3.9302962368947516, -5.941033872131505, 2.490627285651253],
        [0.0, -12.411077166933676, 30.33818863028232, -16.548102889244902],
        [0.0, 37.50931341651104, -88.1789048947664, 47.37952196281928],
        [0.0, -27.896526289197286, 65.09189467479366, -34.87065786149661],
        [0.0, 1.5, -4.0, 2.5],
    ]
)
#: The interpolant of each stage, less its chord and divided by theta (1 - theta): three rows of the common form.
EXPLICIT_D = np.cumsum(
    np.column_stack((_POLYNOMIALS[:, 0] - np.array([*_WEIGHTS, 0.0]), _POLYNOMIALS[:, 1:3])), axis=1
).T.copy()

#: The diagonal coefficient of the implicit method.
IMPLICIT_GAMMA = 0.21193756319429014
#: Nodes of the implicit stages.
IMPLICIT_C = np.array(
    [0.0, 0.6358126895828704, 0.4095798393397535, 0.9769306725060716, 0.4288403609558664, 1.0, 1.0, 1.0]
)
_LAST = [
    -7.502846399306121,
    2.561846144803919,
    -11.627539656261098,
    -0.18268767659942256,
    0.030198172008377946,
]
#: Stage i starts from y + sum(A[i, j] u[j]).
IMPLICIT_A = _square(
    [
        [],
        [3.0],
        [2.849394379747939, 0.45842242204463923],
        [-6.954028509809101, 2.489845061869568, -10.358996098473584],
        [2.8029986275628964, 0.5072464736228206, -0.3988312541770524, -0.04721187230404641],
        _LAST,
        [*_LAST, 1.0],
        [*_LAST, 1.0, 1.0],
    ],
    8,
)
#: Weights of the step; the last stage alone is the error estimate.
IMPLICIT_B = np.array([*_LAST, 1.0, 1.0, 1.0])
#: Coupling of the stages: sum(G[i, j] u[j]) / h joins the right-hand side of stage i.
IMPLICIT_G = _square(
    [
        [],
        [-14.155112264123755],
        [-17.97296035885952, -2.859693295451294],
        [147.12150275711716, -1.41221402718213, 71.68940251302358],
        [165.43517024871676, -0.4592823456491126, 42.90938336958603, -5.961986721573306],
        [24.854864614690072, -3.0009227002832186, 47.4931110020768, 5.5814197821558125, -0.6610691825249471],
        [30.91273214028599, -3.1208243349937974, 77.79954646070892, 34.28646028294783, -19.097331116725623,
         -28.087943162872662],
        [37.80277123390563, -3.2571969029072276, 112.26918849496327, 66.9347231244047, -40.06618937091002,
         -54.66780262877968, -9.48861652309627],
    ],
    8,
)  # fmt: skip
_TIME = [
    0.21193756319429014,
    -0.42387512638858027,
    -0.3384627126235924,
    1.8046452872882734,
    2.325825639765069,
]
#: Weight of the derivative by time in each stage.
IMPLICIT_D = np.array([*_TIME, 0.0, 0.0, 0.0])
#: The interpolant: three rows of the common form, in the stages.
IMPLICIT_H = np.array(
    [
        [25.948786856663858, -2.5579724845846235, 10.433815404888879, -2.3679251022685204, 0.524948541321073,
         1.1241088310450404, 0.4272876194431874, -0.17202221070155493],
        [-9.91568850695171, -0.9689944594115154, 3.0438037242978453, -24.495224566215796, 20.176138334709044,
         15.98066361424651, -6.789040303419874, -6.710236069923372],
        [11.419903575922262, 2.8879645146136994, 72.92137995996029, 80.12511834622643, -52.072871366152654,
         -59.78993625266729, -0.15582684282751913, 4.883087185713722],
    ]
)  # fmt: skip
