"""The picture of `input_kinds` as a JPEG of arithmetic coding, which none of the libraries writes.

Written by libjpeg-turbo's program: `cjpeg -quality 90 -arithmetic`.
"""

from base64 import b85decode

ARITHMETIC = b85decode(
    "|JeWF01!$>Nk#wx0RR9200961|JwjV00RO70|EjA0|NsD0|NvF2n7WM1O*BQ2L=cX3JeSj3JVJj4iXRz4iOFu3lJ6%5f"
    "c;@6%`B*7Z?^47!ni}6#v@*LjeN>1O)^I2?YfS6b%av6ciK`6ciK`6ciK`6ciK`6ciK`6ciK`6ciK`6ciK`6ciK`6ciK"
    "`6ciK`6ciK`6cqo-"
    "01*fPAOJ7}0U`hb5di}c0sqVZ3IGrg1pyEd1^?Or3<CiG0ucid06zf!?xP5zd*Iw#42&?$6I(lQ%zdduo(4&S1w#3njh"
    "E#)-H0wnN_yJ|-kFG9+eP{9@be1Ssxq!Yk;_p2kue7MkT<mSdR$K2mQXFh@d3IPPT<`NuI>-SCze-"
    ">jLt;I3q76)uLW)7m;Q6I1_BfD?hw<f-"
    "am9@5=aVvxjA7#wf<)*C*f6Bu_z9@A;7knvw9P2!OU@28PX7Z%Tc%p+KxWzsp#EW$bO39-"
    ")s$rY$d8}rqV2T_8nBriRu@J!Oz8gPD@Lp<;URm*a0LX1_rG@bZ5Mo=LH5B(qr60=rabTx-"
    "ynkdM@nL2wfDot&nsmLm?yGpm>~ls(6)u0T{g|)`9;3@_p6hGGT<vyNHwJq{Yiq$m7=fD^XV}#DD+U"
)
